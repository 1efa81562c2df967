import { posix } from "node:path";
import { InputError } from "../basics/input-error.ts";

/** Decides which paths of a folder are left out. Paths are relative, with `/`, and never end in one. */
export interface IgnoreRules {
  /** Whether the file or folder at `path` is left out; whatever is above it is a folder. */
  ignores(path: string, kind: "file" | "folder"): boolean;
  /** Whether nothing below the ignored folder `path` can be let in again, so that it need not be walked. */
  prunes(path: string): boolean;
}

interface Pattern {
  readonly negated: boolean;
  readonly segments: readonly Segment[];
  /** Matches what the pattern covers and all below it. */
  readonly regex: RegExp;
}

interface Segment {
  /** Whether it may match more than one folder, or another number of them than it seems. */
  readonly spans: boolean;
  readonly regex: RegExp;
}

interface HelmPattern {
  readonly negated: boolean;
  readonly foldersOnly: boolean;
  readonly matches: (path: string) => boolean;
}

/** Leaves nothing out. */
export const ignoreNothing: IgnoreRules = {
  ignores: () => false,
  prunes: () => true,
};

/**
 * Rules of a `.dockerignore` file, with the meaning that BuildKit gives them: the last matching line wins, a pattern
 * that matches a folder covers all below it, and `!` lets paths in again.
 *
 * @throws InputError for a line that is no pattern.
 */
export function dockerIgnore(text: string): IgnoreRules {
  const patterns = lines(text).flatMap(dockerPattern);
  const letIn = patterns.filter(({ negated }) => negated);
  return {
    ignores(path) {
      const last = patterns.findLast(({ regex }) => regex.test(path));
      return last !== undefined && !last.negated;
    },
    prunes: (path) => !letIn.some((pattern) => reachesBelow(pattern, path)),
  };
}

/**
 * Rules of a `.helmignore` file, as `helm package` reads it: no `**`, a pattern without `/` matches names at any depth,
 * one with `/` at its end folders alone, and `!` leaves out all that does not match.
 *
 * @throws InputError for a line that is no pattern.
 */
export function helmIgnore(text: string): IgnoreRules {
  const patterns = lines(text)
    .filter((line) => !line.startsWith("#"))
    .map(helmPattern);
  const leavesOut = (path: string, isFolder: boolean): boolean =>
    patterns.some(
      ({ negated, foldersOnly, matches }) =>
        ((isFolder || !foldersOnly) && matches(path)) !== negated,
    );
  return {
    ignores: (path, kind) =>
      foldersAbove(path).some((folder) => leavesOut(folder, true)) ||
      leavesOut(path, kind === "folder"),
    prunes: () => true,
  };
}

function foldersAbove(path: string): string[] {
  return Array.from(path.matchAll(/\//g), ({ index }) => path.slice(0, index));
}

function lines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function helmPattern(line: string): HelmPattern {
  const negated = line.startsWith("!");
  const rule = line.slice(negated ? 1 : 0).replace(/\/$/, "");
  const regex = compile(line, `^${globSource(rule.replace(/^\//, ""), "\\^")}$`);
  return {
    negated,
    foldersOnly: line.endsWith("/"),
    matches: (path) => regex.test(rule.includes("/") ? path : posix.basename(path)),
  };
}

/** Nothing for a line that names the folder itself or what is above it. */
function dockerPattern(line: string): Pattern[] {
  const given = line.startsWith("!") ? `!${cleanPath(line.slice(1).trim())}` : line;
  // BuildKit takes the mark for a part of the path when it cleans that, so `!../a` is `a`.
  const path = cleanPath(given);
  const negated = path.startsWith("!");
  const glob = path.slice(negated ? 1 : 0);
  if (glob === "") return [];
  const regexOf = (part: string): RegExp => compile(line, `^${dockerSource(part)}(?:/.*)?$`);
  const segments = glob.split("/").map((segment) => {
    const spans = /\*\*|[[\]^\\]/.test(segment);
    return { spans, regex: spans ? /^/ : regexOf(segment) };
  });
  return [{ negated, segments, regex: regexOf(glob) }];
}

/** A path in its shortest form, relative to the root if it is absolute; nothing for the root. */
function cleanPath(path: string): string {
  const clean = posix.normalize(path).replace(/^\/+|\/+$/g, "");
  return clean === "." ? "" : clean;
}

/**
 * Translates a pattern of a `.dockerignore` to the source of a regular expression, as moby's patternmatcher does: where
 * only the beginning or the end is `**`, it stands for any text, and otherwise for whole folders.
 */
function dockerSource(glob: string): string {
  if (!/[*?[\]\\]/.test(glob.replace(/^\*\*/, "")) && glob.startsWith("**")) {
    const end = glob.slice(2);
    return end.startsWith("/") ? `(?:.*/)?${escape(end.slice(1))}` : `.*${escape(end)}`;
  }
  if (!/[*?[\]\\]/.test(glob.replace(/\*\*$/, "")))
    return glob.endsWith("**") ? `${escape(glob.slice(0, -2))}.*` : escape(glob);
  // moby leaves it to the regular expression.
  return globSource(glob, "^");
}

/**
 * Translates one glob to the source of a regular expression; `**` spans folders, `*` and `?` do not. `caret` is what a
 * `^` becomes that negates no class.
 */
function globSource(glob: string, caret: string): string {
  let source = "";
  for (let i = 0; i < glob.length; i++) {
    const char = glob.charAt(i);
    if (char === "*" && glob[i + 1] === "*") {
      i += glob[i + 2] === "/" ? 2 : 1;
      source += i + 1 >= glob.length ? ".*" : "(?:.*/)?";
    } else if (char === "*") {
      source += "[^/]*";
    } else if (char === "?") {
      source += "[^/]";
    } else if (char === "\\" && i + 1 < glob.length) {
      i++;
      source += escape(glob.charAt(i));
    } else if (char === "[" && glob[i + 1] === "^") {
      i++;
      source += "[^";
    } else if (char === "[" || char === "]") {
      source += char;
    } else if (char === "^") {
      source += caret;
    } else {
      source += escape(char);
    }
  }
  return source;
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function compile(line: string, source: string): RegExp {
  try {
    return new RegExp(source, "s");
  } catch {
    throw new InputError(
      `"${line}" is no pattern for an ignore file; close its brackets and write ranges upwards, or put \\ before [`,
    );
  }
}

/** Whether a pattern may match something below the folder at `path` without matching that itself. */
function reachesBelow({ segments, regex }: Pattern, path: string): boolean {
  const folders = path.split("/");
  for (const [i, folder] of folders.entries()) {
    const segment = segments[i];
    if (segment === undefined) return false;
    if (segment.spans) return !regex.test(path);
    if (!segment.regex.test(folder)) return false;
  }
  return segments.length > folders.length;
}
