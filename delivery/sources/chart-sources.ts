import { chartSourceRules } from "./source-rules.ts";
import { type ReadOptions, type SourceFile, readSourceTree } from "./source-tree.ts";

/** What `.helmignore` leaves of a chart's folder: what its key covers and what is packaged. */
export function readChartSources(path: string, options: ReadOptions = {}): SourceFile[] {
  return readSourceTree(path, chartSourceRules(path).rules, options);
}
