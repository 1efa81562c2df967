import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { fields, parseJson } from "../basics/json-fields.ts";
import { variable } from "../basics/variable.ts";
import type { Credentials } from "./types.ts";

/** Name of this project's own credential helper. It answers with what is found here, so asking it would never end. */
export const ownHelper = "tinyolly";

const dockerHub = "https://index.docker.io/v1/";
const dockerHubHosts = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const helperTimeoutMs = 10_000;

/** Folder of the user's own Docker configuration, also where `DOCKER_CONFIG` names the one with {@link ownHelper}. */
export function userDockerFolder(env: NodeJS.ProcessEnv): string {
  const folder = variable(env, "TINYOLLY_DOCKER_CONFIG") ?? variable(env, "DOCKER_CONFIG");
  return folder ?? join(env["HOME"] ?? homedir(), ".docker");
}

/** Environment in which helpers see the user's own configuration. */
function helperEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = variable(env, "TINYOLLY_DOCKER_CONFIG");
  return own === undefined ? env : { ...env, DOCKER_CONFIG: own };
}

/**
 * Finds the credentials that `docker login` stored for a registry host such as `ghcr.io`, in Docker's configuration or by its
 * credential helpers; undefined when there are none.
 *
 * @throws InputError that names the file or the helper that cannot be read, and shows nothing of its content.
 */
export async function dockerCredentials(
  host: string,
  env: NodeJS.ProcessEnv,
  timeoutMs = helperTimeoutMs,
): Promise<Credentials | undefined> {
  const file = join(userDockerFolder(env), "config.json");
  const { credHelpers, credsStore, auths } = readConfiguration(file);
  const server = serverOf(host);

  const helper = fields(credHelpers)[server] ?? fields(credHelpers)[host] ?? credsStore;
  if (isHelper(helper)) {
    const run: HelperRun = { helper, verb: "get", input: server, file, env, timeoutMs };
    const found = await askHelper(run, readHelperAnswer);
    if (found) return found;
  }
  const entry = Object.entries(fields(auths)).find(([key]) => hostOf(key) === hostOf(server));
  return entry && readEntry(fields(entry[1]), entry[0], file);
}

/** Lists the hosts for which Docker's configuration, or the helper that it names for all hosts, has credentials. */
export async function dockerHosts(env: NodeJS.ProcessEnv): Promise<string[]> {
  const file = join(userDockerFolder(env), "config.json");
  const { credHelpers, credsStore, auths } = readConfiguration(file);
  const hosts = [...Object.keys(fields(auths)), ...Object.keys(fields(credHelpers))];
  if (!isHelper(credsStore)) return hosts;
  const run: HelperRun = {
    helper: credsStore,
    verb: "list",
    input: "all registries",
    file,
    env,
    timeoutMs: helperTimeoutMs,
  };
  return [...hosts, ...((await askHelper(run, readHelperList)) ?? [])];
}

/** Name of a host in `docker-credential-helpers`, which differs for Docker Hub. */
export function serverOf(host: string): string {
  return dockerHubHosts.includes(host) ? dockerHub : host;
}

function isHelper(name: unknown): name is string {
  return typeof name === "string" && name !== "" && name !== ownHelper;
}

function readConfiguration(file: string): Readonly<Record<string, unknown>> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new InputError(`${file} cannot be read; make it readable, or set DOCKER_CONFIG`);
  }
  try {
    return fields(JSON.parse(text));
  } catch {
    // The parser's own message quotes the text, which holds secrets.
    throw new InputError(`${file} is not valid JSON; mend it, or delete it and run docker login`);
  }
}

/** A host of `auths`, which may be written as `https://host/v2/`. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/.*$/, "");
}

function readEntry(
  { auth, identitytoken }: Readonly<Record<string, unknown>>,
  key: string,
  file: string,
): Credentials | undefined {
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { identityToken: identitytoken };
  if (auth === undefined || auth === "") return undefined;
  const text = typeof auth === "string" ? Buffer.from(auth, "base64").toString() : "";
  const colon = text.indexOf(":");
  if (colon < 1) {
    throw new InputError(
      `"auth" of "${key}" in ${file} is not user:password in base64; run docker login ${hostOf(key)}`,
    );
  }
  // Docker pads some passwords with NUL.
  const password = text.slice(colon + 1).replace(/\0+$/, "");
  return { username: text.slice(0, colon), password };
}

interface HelperRun {
  /** Name without `docker-credential-`. */
  readonly helper: string;
  readonly verb: "get" | "list";
  /** Text for its standard input. */
  readonly input: string;
  /** The configuration that names it. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/** Runs a credential helper; undefined when it does not know the server. */
function askHelper<T>(
  run: HelperRun,
  read: (output: string) => T | undefined,
): Promise<T | undefined> {
  const { helper: name, verb, input, file, env, timeoutMs } = run;
  const helper = `docker-credential-${name}`;
  return new Promise((resolve, reject) => {
    const refuse = (problem: string): void => {
      reject(
        new InputError(
          `${helper}, which ${file} names for ${input}, ${problem}; mend it, or remove it from that file and run docker login`,
        ),
      );
    };
    const options = {
      env: helperEnvironment(env),
      timeout: timeoutMs,
      killSignal: "SIGKILL",
    } as const;
    const child = execFile(helper, [verb], options, (error, output) => {
      if (error === null) {
        const found = read(output);
        if (found) resolve(found);
        else refuse(`did not print ${verb === "get" ? "a user name and a secret" : "a list"}`);
      } else if (error.code === "ENOENT") refuse("is not on PATH");
      else if (error.killed) refuse(`did not answer within ${timeoutMs / 1000} s`);
      else if (/credentials not found/i.test(output)) resolve(undefined);
      else refuse(`failed (${error.code === undefined ? "killed" : `exit code ${error.code}`})`);
    });
    // A helper may end without reading its input; its exit code says more than the broken pipe.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function readHelperAnswer(output: string): Credentials | undefined {
  const { Username, Secret } = fields(parseJson(Buffer.from(output)));
  if (typeof Username !== "string" || typeof Secret !== "string") return undefined;
  // Helpers give identity tokens this name.
  if (Username === "<token>") return { identityToken: Secret };
  return { username: Username, password: Secret };
}

function readHelperList(output: string): string[] | undefined {
  const list = parseJson(Buffer.from(output));
  return typeof list === "object" && list !== null ? Object.keys(list) : undefined;
}
