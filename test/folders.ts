import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

const home = process.cwd();
const made: string[] = [];

/** Goes back and removes all temporary folders; vitest.config.mts has it done after each test. */
export function leaveFolders(): void {
  process.chdir(home);
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A temporary folder with the given files, gone after the test. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-test-"));
  made.push(folder);
  writeFiles(folder, files);
  return folder;
}

/** Goes to a temporary folder with the given files until the test ends. */
export function enterFolderWith(files: Readonly<Record<string, string>>): string {
  const folder = folderWith(files);
  process.chdir(folder);
  return folder;
}

/** Takes permissions from all new files and folders until the test ends. */
export function setUmask(mask: number): void {
  const before = process.umask(mask);
  onTestFinished(() => {
    process.umask(before);
  });
}

/** Writes files below a folder, with the folders on the way. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
}
