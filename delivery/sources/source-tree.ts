import { type Dirent, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { DigestCache } from "./digest-cache.ts";
import { defaultLargestFile, digestFile, notAFile, unreadable } from "./file-digest.ts";
import { refuseClashes, requirePortableName } from "./file-names.ts";
import type { FolderFiles } from "./file-status.ts";
import type { IgnoreRules } from "./ignore-file.ts";
import { refuseUnfetchedSubmodule } from "./submodule.ts";

/** One file of a source folder, reduced to what decides its content. */
export interface SourceFile {
  /** Path relative to the folder, with `/`. */
  readonly path: string;
  /** `link` stands for a symbolic link, whose text is its content. */
  readonly kind: "file" | "executable" | "link";
  /** SHA-256 of the content, in hex. */
  readonly digest: string;
}

/** How {@link readSourceTree} reads. None of it changes the result. */
export interface ReadOptions {
  /** Files with more bytes are refused, since they are mostly there by mistake. @default - {@link defaultLargestFile} */
  readonly largestFile?: number | undefined;
  /**
   * File that holds digests from runs before, outside of the folder and of its own for each folder. It saves reading
   * files whose status is the same. @default - every file is read
   */
  readonly cacheFile?: string;
  /** Whether {@link cacheFile} is brought up to date. @default false */
  readonly writeCache?: boolean;
}

/** Neighbours in byte order that are all files or all links. */
interface Run extends FolderFiles {
  readonly links: boolean;
}

/**
 * Lists the files below `root` that `rules` leave, in byte order of their paths. Modification times, owners and all
 * permission bits but "executable" are left out, since they differ between checkouts of the same sources; so is every
 * `.git`, which is a folder in a clone and a file in a submodule.
 *
 * @throws InputError when a file cannot be read, is neither file nor link, is too large or keeps changing, when a link
 * leads to nothing inside the folder, when a submodule was not fetched, and for names that cannot be kept everywhere.
 */
export function readSourceTree(
  root: string,
  rules: IgnoreRules,
  options: ReadOptions = {},
): SourceFile[] {
  const { cacheFile, writeCache = false, largestFile = defaultLargestFile } = options;
  const cache = cacheFile === undefined ? undefined : new DigestCache(root, cacheFile);
  try {
    const { runs, folders } = listTree(root, rules, (files) => cache?.expect(files));
    const files: SourceFile[] = [];
    for (const { prefix, names, links } of runs) {
      for (const name of names)
        files.push(
          links ? readLink(root, prefix + name) : readFile(root, prefix, name, largestFile, cache),
        );
    }
    checkLinks(root, files, folders);
    if (writeCache) cache?.save();
    return files;
  } finally {
    cache?.close();
  }
}

/** Short text that changes with a file's content and kind, for people to compare. */
export function sourceMark({ kind, digest }: SourceFile): string {
  const short = digest.slice(0, 12);
  return kind === "file" ? short : `${short} ${kind}`;
}

/** Lists files and links in byte order, and the folders that are not ignored; tells `expect` of files at once. */
function listTree(
  root: string,
  rules: IgnoreRules,
  expect: (files: FolderFiles) => void,
): { runs: Run[]; folders: string[] } {
  const runs: Run[] = [];
  const folders: string[] = [""];

  /** Whether anything below `folder` is left. */
  const walk = (folder: string, folderIgnored: boolean): boolean => {
    const place = join(root, folder);
    const entries = list(place);
    if (entries.length === 0 && !folderIgnored) refuseUnfetchedSubmodule(place);
    const prefix = folder === "" ? "" : `${folder}/`;
    const ignores = rules.within(folder);
    const kept: string[] = [];
    let names: string[] = [];
    let links = false;
    const endRun = (): void => {
      if (names.length === 0) return;
      runs.push({ prefix, names, links });
      if (!links) expect({ prefix, names });
      names = [];
    };
    for (const entry of entries) {
      const { name } = entry;
      if (name === ".git") continue;
      const ignored = ignores(name);
      const isFolder = entry.isDirectory();
      if (ignored && (!isFolder || rules.prunes(prefix + name))) continue;
      requirePortableName(place, name);
      if (isFolder) {
        endRun();
        if (!ignored) folders.push(prefix + name);
        if (walk(prefix + name, ignored)) kept.push(name);
        continue;
      }
      const isLink = entry.isSymbolicLink();
      if (!isLink && !entry.isFile()) throw notAFile(join(place, name));
      if (isLink !== links) endRun();
      links = isLink;
      names.push(name);
      kept.push(name);
    }
    endRun();
    refuseClashes(place, kept);
    return kept.length > 0;
  };
  walk("", false);
  return { runs, folders };
}

/** Entries of a folder in the byte order of the paths that they begin. */
function list(folder: string): Dirent[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    // UTF-16 is much faster to compare, but its surrogates do not have the order of their bytes.
    return entries.some(({ name }) => /[\ud800-\udfff]/.test(name))
      ? entries.sort((a, b) => Buffer.compare(Buffer.from(pathStart(a)), Buffer.from(pathStart(b))))
      : entries.sort((a, b) => (pathStart(a) < pathStart(b) ? -1 : 1));
  } catch (error) {
    throw unreadable(folder, error);
  }
}

function pathStart(entry: Dirent): string {
  return entry.isDirectory() ? `${entry.name}/` : entry.name;
}

function readFile(
  root: string,
  prefix: string,
  name: string,
  largest: number,
  cache: DigestCache | undefined,
): SourceFile {
  const known = cache?.find(prefix, name);
  if (known !== undefined && known.size <= largest)
    return { path: known.path, kind: kindOf(known.mode), digest: known.digest };
  const path = prefix + name;
  const read = digestFile(join(root, path), largest);
  cache?.keep(path, read);
  return { path, kind: kindOf(read.mode), digest: read.digest };
}

function kindOf(mode: number): "file" | "executable" {
  return (mode & 0o111) === 0 ? "file" : "executable";
}

function readLink(root: string, path: string): SourceFile {
  return { path, kind: "link", digest: sha256(readLinkText(root, path)) };
}

function readLinkText(root: string, path: string): string {
  const link = join(root, path);
  try {
    return readlinkSync(link);
  } catch (error) {
    throw unreadable(link, error);
  }
}

function checkLinks(root: string, files: readonly SourceFile[], folders: readonly string[]): void {
  const links = new Map<string, string>();
  for (const { path, kind } of files)
    if (kind === "link") links.set(path, readLinkText(root, path));
  if (links.size === 0) return;

  const targets = new Set(folders);
  for (const { path, kind } of files) {
    if (kind !== "link") targets.add(path);
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) targets.add(parent);
  }
  for (const [link, text] of links) {
    const target = followLinks(link, links);
    if (target === undefined || !targets.has(target)) {
      throw new InputError(
        `${join(root, link)} is a link to "${text}", which is not among the files of ${root}; ` +
          `mend the link, remove it or list it in the ignore file`,
      );
    }
  }
}

const mostLinks = 40;

/** Where `path` leads inside the tree once no part of it is a link; undefined where it leaves the tree or has no end. */
function followLinks(path: string, links: ReadonlyMap<string, string>): string | undefined {
  let rest = path.split("/");
  let followed = 0;
  let at: string[] = [];
  while (rest.length > 0) {
    const [segment = "", ...more] = rest;
    rest = more;
    if (segment === "" || segment === ".") continue;
    if (segment === "..") {
      if (at.length === 0) return undefined;
      at = at.slice(0, -1);
      continue;
    }
    const text = links.get([...at, segment].join("/"));
    if (text === undefined) {
      at = [...at, segment];
    } else {
      if (posix.isAbsolute(text) || ++followed > mostLinks) return undefined;
      rest = [...text.split("/"), ...rest];
    }
  }
  return at.join("/");
}
