import { createHash } from "node:crypto";
import { type Dirent, lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { type IgnoreRules } from "./ignore-file";
import { InputError } from "./input-error";

/** One file of a source folder, reduced to what decides its content. */
export interface SourceFile {
  /** Path relative to the folder, with `/`. */
  readonly path: string;
  /** `link` stands for a symbolic link, whose text is its content. */
  readonly kind: "file" | "executable" | "link";
  /** SHA-256 of the content, in hex. */
  readonly digest: string;
}

/**
 * Lists the files below `root` that `rules` leave, in byte order of their paths. Modification times, owners and all
 * permission bits but "executable" are left out, since they differ between checkouts of the same sources.
 *
 * @throws InputError when a file cannot be read, is neither file nor link, or is a link to nothing inside the folder.
 */
export function readSourceTree(root: string, rules: IgnoreRules): SourceFile[] {
  const files: SourceFile[] = [];
  const folders = new Set<string>([""]);

  const walk = (folder: string): void => {
    for (const entry of list(root, folder)) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const ignored = rules.ignores(path);
      if (entry.isDirectory()) {
        if (ignored && rules.prunes(path)) continue;
        walk(path);
        if (!ignored) folders.add(path);
      } else if (!ignored) {
        files.push(readEntry(root, path, entry));
        for (let parent = dirname(path); parent !== "."; parent = dirname(parent))
          folders.add(parent);
      }
    }
  };
  walk("");

  files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  checkLinks(root, files, folders);
  return files;
}

/** Short text that changes with a file's content and kind, for people to compare. */
export function sourceMark({ kind, digest }: SourceFile): string {
  const short = digest.slice(0, 12);
  return kind === "file" ? short : `${short} ${kind}`;
}

/** SHA-256 of bytes or text, in hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function list(root: string, folder: string): Dirent[] {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    throw unreadable(join(root, folder), error);
  }
}

function readEntry(root: string, path: string, entry: Dirent): SourceFile {
  const full = join(root, path);
  try {
    if (entry.isSymbolicLink()) return { path, kind: "link", digest: sha256(readlinkSync(full)) };
    if (!entry.isFile()) {
      throw new InputError(
        `${full} is neither a file, a folder nor a link; remove it or list it in the ignore file`,
      );
    }
    const executable = (lstatSync(full).mode & 0o111) !== 0;
    return { path, kind: executable ? "executable" : "file", digest: sha256(readFileSync(full)) };
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(full, error);
  }
}

function unreadable(path: string, error: unknown): InputError {
  const reason = error instanceof Error ? error.message : String(error);
  return new InputError(
    `${path} cannot be read (${reason}); make it readable or list it in the ignore file`,
  );
}

function checkLinks(
  root: string,
  files: readonly SourceFile[],
  folders: ReadonlySet<string>,
): void {
  const links = new Map<string, string>();
  for (const { path, kind } of files)
    if (kind === "link") links.set(path, readlinkSync(join(root, path)));
  const plain = new Set(files.filter(({ kind }) => kind !== "link").map(({ path }) => path));

  for (const [link, text] of links) {
    const target = followLinks(link, links);
    if (target === undefined || !(plain.has(target) || folders.has(target))) {
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
