import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type IgnoreRules, dockerIgnore, helmIgnore, ignoreNothing } from "./ignore-file.ts";

/** What is left out of a source folder, and where that is said. */
export interface SourceRules {
  readonly rules: IgnoreRules;
  /** Ignore files in the order in which they are looked for; the first that is there decides. */
  readonly files: readonly string[];
}

/** Rules of an image's folder; BuildKit prefers the ignore file that carries the Dockerfile's name. */
export function imageSourceRules(path: string, dockerfile: string): SourceRules {
  return readRules([`${dockerfile}.dockerignore`, join(path, ".dockerignore")], dockerIgnore);
}

/** Rules of a chart's folder. */
export function chartSourceRules(path: string): SourceRules {
  return readRules([join(path, ".helmignore")], helmIgnore);
}

function readRules(files: readonly string[], parse: (text: string) => IgnoreRules): SourceRules {
  const found = files.find((file) => existsSync(file));
  return { rules: found === undefined ? ignoreNothing : parse(readFileSync(found, "utf8")), files };
}
