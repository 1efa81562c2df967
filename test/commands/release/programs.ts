import { chmodSync } from "node:fs";
import { join } from "node:path";
import { folderWith, writeFiles } from "../../folders.ts";

/** A folder with programs, each a script for the shell; gone after the test. */
export function programs(scripts: Readonly<Record<string, string>>): string {
  const folder = folderWith({});
  for (const [name, script] of Object.entries(scripts)) {
    writeFiles(folder, { [name]: `#!/bin/sh\n${script}\n` });
    chmodSync(join(folder, name), 0o755);
  }
  return folder;
}

/** PATH with these programs before those of the system, and no others. */
export function pathWith(scripts: Readonly<Record<string, string>>): string {
  return `${programs(scripts)}:/usr/bin:/bin`;
}
