import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { isSameStack, isStackFile } from "./stack-file.ts";

/**
 * Asks Git about the sources in the current folder; undefined where they are in no repository, or in one without commit.
 *
 * @throws InputError when Git is missing or refuses, and for a commit without a time.
 */
export function readGitFacts(): GitFacts | undefined {
  const head = git(["rev-parse", "--is-shallow-repository", "HEAD"]);
  if (head.status !== 0) {
    // Git says so of folders outside, and of a repository before its first commit.
    if (/not a git repository|ambiguous argument 'HEAD'/i.test(head.stderr)) return undefined;
    throw refused(head.stderr);
  }
  const [shallow = "", commit = ""] = head.stdout.trim().split("\n");
  const status = output([
    "status",
    "--porcelain",
    "-z",
    "--untracked-files=normal",
    "--no-renames",
    // Settings and .gitmodules can hide them.
    "--ignore-submodules=none",
  ]);
  const tags = output([
    "for-each-ref",
    "--points-at=HEAD",
    "--format=%(objecttype) %(refname:strip=2)",
    "refs/tags",
  ]);
  // With log.showSignature, Git would print what it thinks of the signature first.
  const time = output(["show", "--no-patch", "--no-show-signature", "--format=%ct", "HEAD"]);
  return {
    commit,
    time: commitTime(commit, time.trim()),
    shallow: shallow === "true",
    dirty: status
      .split("\0")
      .filter((entry) => entry !== "")
      // Two letters of state and a blank before each path.
      .map((entry) => entry.slice(3))
      .filter((path) => !isStackFile(path) || isEdited(path)),
    tags: lines(tags).map((line): GitTag => {
      const [type = "", name = ""] = line.split(" ");
      return { name, annotated: type === "tag" };
    }),
    known: lines(output(["for-each-ref", "--format=%(refname:strip=2)", "refs/tags"])),
    repository: withoutCredentials(git(["config", "remote.origin.url"]).stdout.trim()),
  };
}

/** Whether the file of a stack holds more than what Pulumi itself has added to that of HEAD. */
function isEdited(path: string): boolean {
  const root = output(["rev-parse", "--show-toplevel"]).trim();
  const { status, stdout } = git(["show", `HEAD:${path}`]);
  try {
    // HEAD may not know a stack yet.
    const before = status === 0 ? stdout : "";
    return !isSameStack(before, readFileSync(join(root, path), "utf8"));
  } catch {
    return true;
  }
}

/** What Git keeps of some files. */
export interface GitIndex {
  /** Paths relative to the current folder, files of submodules among them. */
  readonly tracked: ReadonlySet<string>;
  /** Those whose edits Git is told to overlook. */
  readonly overlooked: ReadonlySet<string>;
}

/**
 * Asks Git which files it tracks in `places`; undefined where the current folder is in no repository.
 *
 * @param places Files and folders, relative to the current folder.
 * @throws InputError when Git is missing or refuses.
 */
export function readGitIndex(places: readonly string[]): GitIndex | undefined {
  const options = ["-v", "-z", "--recurse-submodules"];
  const list = git(["--literal-pathspecs", "ls-files", ...options, "--", ...places]);
  if (list.status !== 0) {
    if (/not a git repository/i.test(list.stderr)) return undefined;
    throw refused(list.stderr);
  }
  // A letter and a blank before each path: S for skip-worktree, a small one for assume-unchanged.
  const entries = list.stdout.split("\0").filter((entry) => entry !== "");
  const overlooked = entries.filter((entry) => /^[Sa-z]/.test(entry));
  return { tracked: paths(entries), overlooked: paths(overlooked) };
}

function paths(entries: readonly string[]): ReadonlySet<string> {
  return new Set(entries.map((entry) => entry.slice(2)));
}

/** Facts for what can do without Git: undefined as well where it is missing or refuses. */
export function factsIfAny(readGit: () => GitFacts | undefined): GitFacts | undefined {
  try {
    return readGit();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Seconds since 1970 as ISO 8601. */
function commitTime(commit: string, seconds: string): string {
  const time = new Date(/^\d+$/.test(seconds) ? Number(seconds) * 1000 : NaN);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new InputError(
    `git gives ${JSON.stringify(seconds)} as the time of ${commit.slice(0, 10)}, which is no number of seconds since 1970; ` +
      `release a commit that has a time, or name the version: pulumi config set release v2.1.8`,
  );
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

function output(args: readonly string[]): string {
  const { status, stdout, stderr } = git(args);
  if (status !== 0) throw refused(stderr);
  return stdout;
}

function git(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  // Messages are read, so they must be in one language.
  const env = { ...process.env, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" };
  const run = spawnSync("git", args, { encoding: "utf8", maxBuffer: 1 << 28, env });
  if (run.error) {
    throw new InputError(
      `git cannot be run (${run.error.message}); install it, or name the version: pulumi config set release v2.1.8`,
    );
  }
  return run;
}

function refused(stderr: string): InputError {
  return new InputError(
    `git does not say what is released: ${stderr.trim()}; mend that, or name the version: pulumi config set release v2.1.8`,
  );
}

/** An address as others may see it: user, password and query are left out. Undefined where it is empty. */
function withoutCredentials(address: string): string | undefined {
  if (address === "") return undefined;
  if (!URL.canParse(address)) return address.replace(/^[^@/]*@/, "");
  const url = new URL(address);
  [url.username, url.password, url.search, url.hash] = ["", "", "", ""];
  return url.href;
}

/** A Git tag that points at HEAD. */
export interface GitTag {
  readonly name: string;
  /** Whether it is an object of its own, with author, time and message; signed ones are. */
  readonly annotated: boolean;
}

/** What a Git repository says about the sources. */
export interface GitFacts {
  /** Full hash of HEAD. */
  readonly commit: string;
  /** Time of HEAD, as ISO 8601 in UTC. */
  readonly time: string;
  /** Whether history was cut off when it was cloned. */
  readonly shallow: boolean;
  /** Paths that HEAD does not hold as they are, relative to the repository. */
  readonly dirty: readonly string[];
  /** Tags that point at HEAD. */
  readonly tags: readonly GitTag[];
  /** Names of all tags. */
  readonly known: readonly string[];
  /** Address of `origin` without credentials; undefined where there is none. */
  readonly repository: string | undefined;
}
