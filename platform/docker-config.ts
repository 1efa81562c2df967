import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { fields, parseJson } from "../delivery/basics/json-fields.ts";
import { ownHelper, userDockerFolder } from "../delivery/registry/docker-credentials.ts";
import { quoted } from "./pulumi/shell.ts";

const project = resolve(import.meta.dirname, "..");

/**
 * Settings of the user's configuration that stay: which engine `docker` speaks to, where its plugins are, and the proxies of
 * builds.
 */
const kept = ["currentContext", "cliPluginsExtraDirs", "proxies"];

/**
 * Parts of Docker's folder that stay the user's own. Builders of other drivers than `remote` name engines by contexts, and
 * `docker buildx` is often a plugin of the user's.
 */
const linked = ["contexts", "cli-plugins"];

/**
 * Writes a Docker configuration whose only source of credentials is `docker-credential-tinyolly`, so that no file holds them.
 * Builders, contexts and plugins of the user's Docker configuration stay in use. It can be written again, also while others
 * read it.
 *
 * @param folder Where it goes; others cannot read it.
 * @returns The environment in which BuildKit's client, helm, cosign and syft use it.
 */
export function writeDockerConfig(folder: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const home = resolve(folder);
  const bin = join(home, "bin");
  const file = join(home, "config.json");
  const own = userFolder(home, env);
  for (const made of [home, bin]) {
    mkdirSync(made, { recursive: true, mode: 0o700 });
    chmodSync(made, 0o700);
  }
  for (const name of linked) link(join(own, name), join(home, name));
  write(file, `${JSON.stringify({ ...settingsOf(own), credsStore: ownHelper })}\n`, 0o600);
  write(join(bin, `docker-credential-${ownHelper}`), helperScript(), 0o700);

  const path = env["PATH"] ?? "";
  return {
    DOCKER_CONFIG: home,
    HELM_REGISTRY_CONFIG: file,
    PATH: path.split(delimiter)[0] === bin ? path : [bin, path].join(delimiter),
    // buildx keeps its builders below DOCKER_CONFIG unless it is told otherwise.
    ...(isUnset(env, "BUILDX_CONFIG") && { BUILDX_CONFIG: join(own, "buildx") }),
    ...(isUnset(env, "TINYOLLY_DOCKER_CONFIG") && { TINYOLLY_DOCKER_CONFIG: own }),
  };
}

/** The user's own folder, which a folder that was written here never is. */
function userFolder(home: string, env: NodeJS.ProcessEnv): string {
  const own = resolve(userDockerFolder(env));
  return own === home ? resolve(userDockerFolder({ ...env, DOCKER_CONFIG: "" })) : own;
}

function isUnset(env: NodeJS.ProcessEnv, name: string): boolean {
  return (env[name] ?? "") === "";
}

/** What stays of the user's settings. Proxies with a password do not: it would be one more place that holds it. */
function settingsOf(own: string): Readonly<Record<string, unknown>> {
  const file = join(own, "config.json");
  if (!existsSync(file)) return {};
  const settings = Object.entries(fields(parseJson(readFileSync(file)) ?? {}));
  return Object.fromEntries(
    settings.filter(([name, value]) => kept.includes(name) && !JSON.stringify(value).includes("@")),
  );
}

function link(target: string, at: string): void {
  const isFolder = lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder || !existsSync(target)) return;
  const part = `${at}.${process.pid}`;
  symlinkSync(target, part);
  renameSync(part, at);
}

/** In one step, so that nobody reads a half. */
function write(file: string, text: string, mode: number): void {
  const part = `${file}.${process.pid}`;
  writeFileSync(part, text, { mode });
  chmodSync(part, mode);
  renameSync(part, file);
}

function helperScript(): string {
  const command = [process.execPath, join(project, "platform/credential-helper.ts")];
  return `#!/bin/sh\nexec ${command.map(quoted).join(" ")} "$@"\n`;
}
