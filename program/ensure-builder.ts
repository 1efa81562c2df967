import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { InputError } from "../delivery/basics/input-error.ts";
import { sha256 } from "../delivery/basics/sha256.ts";
import type { BuilderNode, BuilderSettings } from "../delivery/settings/builder-nodes.ts";
import { buildxFolder } from "./builder-problem.ts";

/** Folder beside buildx's own, with a file for each builder that lists the digests of what was written here. */
const notesFolder = "tinyolly";

/**
 * Makes a builder of settings known to buildx, which the docker-build plugin asks; in an update only, since a preview
 * writes nothing. One that was made here before is made anew when its settings changed.
 *
 * @throws InputError when somebody else made another builder of that name.
 */
export function ensureBuilder(
  builder: BuilderSettings | undefined,
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (!builder) return;
  const folder = buildxFolder(env);
  const file = join(folder, "instances", builder.name);
  const note = join(folder, notesFolder, builder.name);
  const wanted = instanceText(builder, env["KUBECONFIG"]);
  const present = readText(file);
  if (present === wanted) return;
  if (present !== undefined && !readText(note)?.includes(sha256(present))) {
    throw new InputError(
      `"builderNodes" describes the builder "${builder.name}", but ${file} is another one of that name, which this project did not make; ` +
        `set builder to a new name, or remove that one with: docker buildx rm ${builder.name}`,
    );
  }
  if (pulumi.runtime.isDryRun()) return;
  for (const needed of [join(folder, "instances"), join(folder, notesFolder)])
    mkdirSync(needed, { recursive: true, mode: 0o700 });
  appendFileSync(note, `${sha256(wanted)}\n`, { mode: 0o600 });
  // Not among the instances: buildx refuses all of them when one has such a name.
  const draft = `${note}.${process.pid}.draft`;
  writeFileSync(draft, wanted, { mode: 0o600 });
  renameSync(draft, file);
}

/** Text of the file that `docker buildx create`, with `--append` for further nodes, would make. */
export function instanceText({ name, driver, nodes }: BuilderSettings, kubeconfig = ""): string {
  const instance = {
    Name: name,
    Driver: driver,
    Nodes: nodes.map((node, i) => {
      // buildx makes up names for Deployments; with --node they are the node's, so that a changed setting keeps them.
      const Name = `${name}${i}`;
      const query = `deployment=${queryText(Name)}&kubeconfig=${queryText(kubeconfig)}`;
      return {
        Name,
        Endpoint: node.endpoint ?? `kubernetes:///${name}?${query}`,
        Platforms: node.platforms.map(platformOf),
        DriverOpts: sortedOptions(node),
        Flags: driver === "kubernetes" ? ["--allow-insecure-entitlement=network.host"] : null,
        Files: null,
      };
    }),
    Dynamic: false,
  };
  // As Go writes JSON.
  return JSON.stringify(instance).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => String.raw`\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sortedOptions({ options }: BuilderNode): Record<string, string> | null {
  const entries = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? null : Object.fromEntries(entries);
}

function platformOf(platform: string): Record<string, string> {
  const [os = "", architecture = "", variant] = platform.split("/");
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

/** As Go escapes text in a query. */
function queryText(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replaceAll(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
}

function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}
