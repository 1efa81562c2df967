import { cpSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { enterFolderWith } from "./folders";

const project = resolve(__dirname, "..");
const leftOut = new Set(["node_modules", "dist", "__pycache__", ".venv"]);

/** Goes to a copy of this project's apps and charts, outside of any Git repository, until the test ends. */
export function enterCheckout(): void {
  const folder = enterFolderWith({ "package.json": '{"version": "2.1.0"}' });
  for (const sources of ["apps", "charts"]) {
    cpSync(join(project, sources), join(folder, sources), {
      recursive: true,
      filter: (path) => !leftOut.has(basename(path)),
      verbatimSymlinks: true,
    });
  }
}
