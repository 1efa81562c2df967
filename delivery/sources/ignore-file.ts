/** Decides which paths of a folder are left out. Paths are relative, with `/`, and never end in one. */
export interface IgnoreRules {
  /** Whether the file or folder at `path` is left out. */
  ignores(path: string): boolean;
  /** Whether nothing below the ignored folder `path` can be let in again, so that it need not be walked. */
  prunes(path: string): boolean;
}

interface Pattern {
  readonly negated: boolean;
  readonly segments: readonly Segment[];
  readonly regex: RegExp;
}

interface Segment {
  /** Whether it may match more than one folder. */
  readonly spans: boolean;
  readonly regex: RegExp;
}

/** Leaves nothing out. */
export const ignoreNothing: IgnoreRules = {
  ignores: () => false,
  prunes: () => true,
};

/**
 * Rules of a `.dockerignore` file, with the meaning that BuildKit gives them: the last matching line wins, a pattern
 * that matches a folder covers all below it, and `!` lets paths in again.
 */
export function dockerIgnore(text: string): IgnoreRules {
  const patterns = lines(text)
    .map(dockerPattern)
    .filter((pattern) => pattern.segments.length > 0);
  const letIn = patterns.filter(({ negated }) => negated);
  return {
    ignores(path) {
      const last = patterns.findLast(({ regex }) => regex.test(path));
      return last !== undefined && !last.negated;
    },
    prunes: (path) => !letIn.some((pattern) => reachesBelow(pattern, path)),
  };
}

/** Rules of a `.helmignore` file, as `helm package` reads it: no `**`, a pattern without `/` matches names at any depth. */
export function helmIgnore(text: string): IgnoreRules {
  const patterns = lines(text).map((line) => {
    const negated = line.startsWith("!");
    const anchored = line.slice(negated ? 1 : 0).replace(/\/+$/, "");
    const path = anchored.replace(/^\//, "");
    const prefix = path.includes("/") || anchored.startsWith("/") ? "^" : "^(?:.*/)?";
    return { negated, regex: new RegExp(`${prefix}${globRegex(path)}(?:/.*)?$`) };
  });
  return {
    ignores: (path) => patterns.some(({ negated, regex }) => regex.test(path) !== negated),
    prunes: () => true,
  };
}

function lines(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .filter((line) => !line.startsWith("#"))
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function dockerPattern(line: string): Pattern {
  const negated = line.startsWith("!");
  const segments: string[] = [];
  for (const segment of line
    .slice(negated ? 1 : 0)
    .trim()
    .split("/")) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") segments.pop();
    else segments.push(segment);
  }
  return {
    negated,
    segments: segments.map((segment) => ({
      // A class such as [^a] matches a slash, too.
      spans: segment.includes("**") || segment.includes("["),
      regex: new RegExp(`^${globRegex(segment)}$`, "s"),
    })),
    regex: new RegExp(`^${globRegex(segments.join("/"))}(?:/.*)?$`, "s"),
  };
}

/** Translates one glob to the source of a regular expression; `**` spans folders, `*` and `?` do not. */
function globRegex(glob: string): string {
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
    } else if (char === "[") {
      const end = glob.indexOf("]", i + 2);
      if (end === -1) {
        source += "\\[";
      } else {
        source += `[${glob.slice(i + 1, end).replaceAll("[", "\\[")}]`;
        i = end;
      }
    } else if (char === "\\" && i + 1 < glob.length) {
      i++;
      source += escape(glob.charAt(i));
    } else {
      source += escape(char);
    }
  }
  return source;
}

function escape(char: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(char) ? `\\${char}` : char;
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
