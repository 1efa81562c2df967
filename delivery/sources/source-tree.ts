import { type Dirent, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { sha256, shortHash } from "../basics/sha256.ts";
import { defaultLargestFile, digestFile, notAFile, unreadable } from "./file-digest.ts";
import { refuseClashes, requirePortableName } from "./file-names.ts";
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

/** How {@link readSourceTree} reads. */
export interface ReadOptions {
  /** Files with more bytes are refused, since they are mostly there by mistake. @default - {@link defaultLargestFile} */
  readonly largestFile?: number | undefined;
}

interface Entry {
  /** Path relative to the folder, with `/`. */
  readonly path: string;
  readonly isLink: boolean;
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
  { largestFile = defaultLargestFile }: ReadOptions = {},
): SourceFile[] {
  const { entries, folders } = listTree(root, rules);
  const files = entries.map(({ path, isLink }) =>
    isLink ? readLink(root, path) : readFile(root, path, largestFile),
  );
  checkLinks(root, files, folders);
  return files;
}

/** Short text that changes with a file's content and kind, for people to compare. */
export function sourceMark({ kind, digest }: SourceFile): string {
  const short = shortHash(digest);
  return kind === "file" ? short : `${short} ${kind}`;
}

/** Lists files and links in byte order, and the folders that are not ignored. */
function listTree(root: string, rules: IgnoreRules): { entries: Entry[]; folders: string[] } {
  const entries: Entry[] = [];
  const folders: string[] = [""];

  /** Whether anything below `folder` is left. */
  const walk = (folder: string, folderIgnored: boolean): boolean => {
    const place = join(root, folder);
    const listed = list(place);
    if (listed.length === 0 && !folderIgnored) refuseUnfetchedSubmodule(place);
    const kept: string[] = [];
    for (const entry of listed) {
      const { name } = entry;
      if (name === ".git") continue;
      const path = folder === "" ? name : `${folder}/${name}`;
      const isFolder = entry.isDirectory();
      const ignored = rules.ignores(path, isFolder ? "folder" : "file");
      if (ignored && (!isFolder || rules.prunes(path))) continue;
      requirePortableName(place, name);
      if (isFolder) {
        if (!ignored) folders.push(path);
        if (walk(path, ignored)) kept.push(name);
        continue;
      }
      const isLink = entry.isSymbolicLink();
      if (!isLink && !entry.isFile()) throw notAFile(join(place, name));
      entries.push({ path, isLink });
      kept.push(name);
    }
    refuseClashes(place, kept);
    return kept.length > 0;
  };
  walk("", false);
  return { entries, folders };
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

function readFile(root: string, path: string, largest: number): SourceFile {
  const { digest, mode } = digestFile(join(root, path), largest);
  return { path, kind: (mode & 0o111) === 0 ? "file" : "executable", digest };
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
