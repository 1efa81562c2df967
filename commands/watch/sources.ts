import { basename, dirname, join, relative } from "node:path";
import type { Deliverables } from "../../delivery/plan/plan.ts";
import type { IgnoreRules } from "../../delivery/sources/ignore-file.ts";
import {
  type SourceRules,
  chartSourceRules,
  imageSourceRules,
} from "../../delivery/sources/source-rules.ts";

/** A folder of which everything counts that its ignore file leaves. */
export interface SourceFolder {
  /** Path relative to the project. */
  readonly path: string;
  readonly rules: IgnoreRules;
}

/** What decides the next run: folders of images and charts, and single files. Paths are relative to the project. */
export class Sources {
  /** Folders of images and charts; they need not be there. */
  public readonly folders: readonly SourceFolder[];
  /** Files, and folders on the way to sources, that count when they come, change or go; they need not be there. */
  public readonly entries: ReadonlySet<string>;

  public constructor(folders: readonly SourceFolder[], files: readonly string[]) {
    this.folders = folders.map(({ path, rules }) => ({ path: fromProject(path), rules }));
    const paths = [...this.folders.map(({ path }) => path), ...files.map(fromProject)];
    this.entries = new Set(paths.flatMap((path) => [path, ...foldersAbove(path)]));
  }

  /** Whether a change of the file at `path` changes the next run. */
  public counts(path: string): boolean {
    return (
      this.entries.has(path) ||
      (basename(path) !== ".git" &&
        this.#below(path).some(({ rules, rest }) => rest === "" || !rules.ignores(rest, "file")))
    );
  }

  /** Whether anything in the folder `path` may count; asked from the top down. */
  public enters(path: string): boolean {
    return (
      basename(path) !== ".git" &&
      this.#below(path).some(
        ({ rules, rest }) => rest === "" || !rules.ignores(rest, "folder") || !rules.prunes(rest),
      )
    );
  }

  /** Source folders that hold `path`, with its path in them. */
  #below(path: string): { rules: IgnoreRules; rest: string }[] {
    return this.folders.flatMap(({ path: folder, rules }) => {
      const rest = pathIn(folder, path);
      return rest === undefined ? [] : [{ rules, rest }];
    });
  }
}

/** The sources of `deliverables` and the given files. Ignore files are read, and count themselves. */
export function sourcesOf({ images, charts }: Deliverables, files: readonly string[]): Sources {
  const folders: SourceFolder[] = [];
  const others: string[] = [...files];
  const add = (path: string, { rules, files: ignoreFiles }: SourceRules): void => {
    folders.push({ path, rules });
    others.push(...ignoreFiles);
  };
  for (const { path, dockerfile = join(path, "Dockerfile") } of Object.values(images)) {
    add(path, imageSourceRules(path, dockerfile));
    others.push(dockerfile);
  }
  for (const { path } of Object.values(charts)) add(path, chartSourceRules(path));
  return new Sources(folders, others);
}

/** One spelling for each path. */
function fromProject(path: string): string {
  return relative("", path) || ".";
}

/** Path in `folder`, `""` for the folder itself; undefined outside of it. */
function pathIn(folder: string, path: string): string | undefined {
  if (path === folder) return "";
  if (folder === ".") return path === ".." || path.startsWith("../") ? undefined : path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}

/** Folders between the project and `path`; none for a path outside of the project. */
function foldersAbove(path: string): string[] {
  const above: string[] = [];
  if (path.startsWith("..")) return above;
  for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) above.push(folder);
  return above;
}
