import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { enterFolderWith } from "./folders.ts";

const project = resolve(import.meta.dirname, "..");
const copied = ["apps", "charts"];
const leftOut = new Set(["node_modules", "dist", "__pycache__", ".venv"]);

let template: string | undefined;

/** Removes the template; vitest.config.mts has it done after each file. */
export function leaveTemplate(): void {
  if (template !== undefined) rmSync(template, { recursive: true, force: true });
  template = undefined;
}

/** Goes to a copy of this project's apps and charts, outside of any Git repository, until the test ends. */
export function enterCheckout(): void {
  template ??= makeTemplate();
  const folder = enterFolderWith({ "package.json": '{"version": "2.1.0"}' });
  execFileSync("cp", ["-R", ...copied.map((sources) => join(template ?? "", sources)), folder]);
}

/** The sources without what builds leave behind, sorted out once for all tests of a file. */
function makeTemplate(): string {
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-template-"));
  for (const sources of copied) {
    cpSync(join(project, sources), join(folder, sources), {
      recursive: true,
      filter: (path) => !leftOut.has(basename(path)),
      verbatimSymlinks: true,
    });
  }
  return folder;
}
