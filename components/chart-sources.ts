import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { helmIgnore, ignoreNothing } from "./ignore-file";
import { type ReadOptions, type SourceFile, readSourceTree } from "./source-tree";

/** What `.helmignore` leaves of a chart's folder: what its key covers and what is packaged. */
export function readChartSources(path: string, options: ReadOptions = {}): SourceFile[] {
  const file = join(path, ".helmignore");
  const rules = existsSync(file) ? helmIgnore(readFileSync(file, "utf8")) : ignoreNothing;
  return readSourceTree(path, rules, options);
}
