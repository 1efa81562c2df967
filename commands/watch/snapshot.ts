import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Sources } from "./sources.ts";

/** Text that differs after each change of the sources that counts; no file is read for it. */
export function snapshot(sources: Sources): string {
  const lines: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of list(folder)) {
      const path = join(folder, entry.name);
      if (!entry.isDirectory()) {
        if (sources.counts(path)) lines.push(status(path));
      } else if (sources.enters(path)) walk(path);
    }
  };
  for (const path of sources.entries) lines.push(status(path));
  for (const { path } of sources.folders) walk(path);
  return lines.join("\n");
}

/** What changes with content, mode and name. That of a folder would change with things in it that do not count. */
function status(path: string): string {
  try {
    const found = lstatSync(path);
    return found.isDirectory() ? `${path} is a folder` : `${path} ${found.ino} ${found.ctimeMs}`;
  } catch {
    return `${path} is out of reach`;
  }
}

/** Nothing for a folder that went away or cannot be read. */
function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
