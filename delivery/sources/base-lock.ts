import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { isMap, parseDocument } from "yaml";
import { InputError } from "../basics/input-error.ts";
import { isDigest } from "../registry/references.ts";

/** `sha256:…` of each base image, by the reference that Dockerfiles hold, such as `python:3.14-slim`. */
export type BaseLock = ReadonlyMap<string, string>;

const heading =
  " Digests of the images that Dockerfiles start from, so that a moved tag changes no build unseen.\n" +
  " `make bases` shows what their tags hold now, `make bases UPDATE=1` takes it.";

/**
 * Reads a lock file; a missing one locks nothing.
 *
 * @throws InputError that names the line of whatever is not `reference: sha256:…`.
 */
export function readBaseLock(file: string): BaseLock {
  if (!existsSync(file)) return new Map();
  const document = parseDocument(readFileSync(file, "utf8"));
  const [error] = document.errors;
  if (error) throw new InputError(`${file} is not valid YAML: ${error.message}`);
  // An empty file is a lock file without entries.
  const entries: unknown = document.toJS() ?? {};
  if (document.contents !== null && !isMap(document.contents)) {
    throw new InputError(
      `${file} must map image references to digests; make bases UPDATE=1 writes it`,
    );
  }
  return new Map(
    Object.entries(Object(entries) as Record<string, unknown>).map(([reference, digest]) => {
      if (typeof digest === "string" && isDigest(digest)) return [reference, digest];
      throw new InputError(
        `${file}: "${reference}" has ${JSON.stringify(digest)}, but must have sha256: and 64 hexadecimal digits; ` +
          `make bases UPDATE=1 writes it`,
      );
    }),
  );
}

/** Lock file of a stack: the one that it sets, that of the environment, or the project's. */
export function baseLockFile(setting: string, env: NodeJS.ProcessEnv): string {
  const candidates = [setting, env["TINYOLLY_BASE_LOCK"] ?? ""];
  return candidates.find((file) => file !== "") ?? "bases.lock.yaml";
}

/** Writes a lock file, sorted by reference, in one step. */
export function writeBaseLock(file: string, lock: BaseLock): void {
  const sorted = [...lock].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([reference, digest]) => `${JSON.stringify(reference)}: ${digest}\n`);
  const comment = heading.replaceAll(/^/gm, "#");
  writeFileSync(`${file}.draft`, `${comment}\n${lines.join("")}`);
  renameSync(`${file}.draft`, file);
}
