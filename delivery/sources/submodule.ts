import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { InputError } from "../basics/input-error.ts";

/**
 * Refuses an empty folder that stands for a git submodule which was not fetched: images would silently lack it.
 *
 * @throws InputError when `.gitmodules` of the repository around `folder` names it.
 */
export function refuseUnfetchedSubmodule(folder: string): void {
  const repository = findRepository(dirname(resolve(folder)));
  if (repository === undefined) return;
  const path = relative(repository, resolve(folder)).replaceAll(sep, "/");
  if (!readSubmodules(repository).includes(path)) return;
  throw new InputError(
    `${folder} is a git submodule that is not checked out; run git submodule update --init --recursive, ` +
      `or list it in the ignore file`,
  );
}

function findRepository(folder: string): string | undefined {
  if (existsSync(join(folder, ".git"))) return folder;
  return dirname(folder) === folder ? undefined : findRepository(dirname(folder));
}

function readSubmodules(repository: string): string[] {
  const file = join(repository, ".gitmodules");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").matchAll(/^\s*path\s*=\s*"?(.*?)"?\s*$/gm);
  return Array.from(lines, ([, path = ""]) => path);
}
