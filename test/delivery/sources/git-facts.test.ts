import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { readGitFacts } from "../../../delivery/sources/git-facts.ts";
import { enterFolderWith } from "../../folders.ts";

function git(...args: string[]): string {
  return execFileSync("git", args, { encoding: "utf8" }).trim();
}

beforeEach(() => {
  enterFolderWith({ "apps/main.py": "pass\n" });
  for (const role of ["AUTHOR", "COMMITTER"]) {
    vi.stubEnv(`GIT_${role}_NAME`, "Ada");
    vi.stubEnv(`GIT_${role}_EMAIL`, "ada@example.com");
    vi.stubEnv(`GIT_${role}_DATE`, "2026-11-25T13:00:00+01:00");
  }
  vi.stubEnv("GIT_CONFIG_GLOBAL", "/dev/null");
  return () => vi.unstubAllEnvs();
});

function commit(): void {
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message", "First");
}

test("a folder outside of any repository, and one before its first commit, have none", () => {
  vi.stubEnv("GIT_CEILING_DIRECTORIES", resolve(".."));
  expect(readGitFacts()).toBeUndefined();
  git("init", "--quiet");
  expect(readGitFacts()).toBeUndefined();
});

test("a commit has its hash, its time and no tag", () => {
  commit();
  expect(readGitFacts()).toEqual({
    commit: git("rev-parse", "HEAD"),
    time: "2026-11-25T12:00:00.000Z",
    shallow: false,
    dirty: [],
    tags: [],
    known: [],
    repository: undefined,
  });
});

test("a salt that Pulumi writes into a stack's file is no edit of it, and a setting is", () => {
  writeFileSync(
    "Pulumi.prod.yaml",
    "config:\n  shop:deploy: false # never\n  shop:sizes: [1, 2]\n",
  );
  commit();
  const written = 'config:\n  shop:deploy: "false" # never\n  shop:sizes: [1, 2]\n';
  writeFileSync("Pulumi.prod.yaml", `${written}encryptionsalt: v1:salt\n`);
  expect(readGitFacts()?.dirty).toEqual([]);
  for (const edited of [
    written.replace("false", "true"),
    written.replace("2]", "3]"),
    "config: [",
  ]) {
    writeFileSync("Pulumi.prod.yaml", `${edited}encryptionsalt: v1:salt\n`);
    expect(readGitFacts()?.dirty).toEqual(["Pulumi.prod.yaml"]);
  }
  writeFileSync("Pulumi.prod.yaml", written);
  writeFileSync("Pulumi.dev.yaml", "encryptionsalt: v1:salt\n");
  expect(readGitFacts()?.dirty).toEqual([]);
  writeFileSync("Pulumi.dev.yaml", "config: {shop:deploy: true}\n");
  expect(readGitFacts()?.dirty).toEqual(["Pulumi.dev.yaml"]);
});

test("a signed commit has its time, also where Git shows signatures", () => {
  // Git fails where what it hands over is not read.
  const signature = "cat >/dev/null\necho -----BEGIN PGP SIGNATURE-----\n";
  writeFileSync("gpg", `#!/bin/sh\necho '[GNUPG:] SIG_CREATED ' >&2\n${signature}`);
  chmodSync("gpg", 0o755);
  commit();
  git("config", "gpg.program", resolve("gpg"));
  git("config", "log.showSignature", "true");
  git("commit", "--quiet", "--gpg-sign=ada", "--allow-empty", "--message", "Signed");
  expect(git("show", "--no-patch", "--format=%ct")).toMatch(/\n1795608000$/);
  expect(readGitFacts()?.time).toBe("2026-11-25T12:00:00.000Z");
});

test("a commit without a time is told with what to do", () => {
  commit();
  const timeless = git("cat-file", "commit", "HEAD").replace(/^(committer .*>) .*$/m, "$1 soon");
  const args = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"];
  const hash = execFileSync("git", args, { encoding: "utf8", input: timeless }).trim();
  git("update-ref", "HEAD", hash);
  expect(() => readGitFacts()).toThrow(
    `git gives "" as the time of ${hash.slice(0, 10)}, which is no number of seconds since 1970; ` +
      "release a commit that has a time, or name the version: pulumi config set release v2.1.8",
  );
});

test("tags of HEAD are told by their kind, and those of other commits only by name", () => {
  commit();
  git("tag", "v1.0.0");
  git("commit", "--quiet", "--allow-empty", "--message", "Second");
  git("tag", "light");
  git("tag", "--annotate", "v1.0.1", "--message", "v1.0.1");
  const facts = readGitFacts();
  expect(facts?.tags).toEqual([
    { name: "light", annotated: false },
    { name: "v1.0.1", annotated: true },
  ]);
  expect(facts?.known).toEqual(["light", "v1.0.0", "v1.0.1"]);
});

test("a tree is dirty by edited, deleted, staged and new files, not by ignored ones", () => {
  writeFileSync(".gitignore", "*.log\n");
  writeFileSync("gone", "");
  commit();
  writeFileSync("run.log", "");
  expect(readGitFacts()?.dirty).toEqual([]);
  writeFileSync("apps/main.py", "1\n");
  execFileSync("rm", ["gone"]);
  writeFileSync("näu name", "");
  expect(readGitFacts()?.dirty).toEqual(["apps/main.py", "gone", "näu name"]);
  git("add", ".");
  expect(readGitFacts()?.dirty).toEqual(["apps/main.py", "gone", "näu name"]);
});

test("a submodule at another commit is dirty, whatever .gitmodules says", () => {
  mkdirSync("theme");
  process.chdir("theme");
  writeFileSync("a.html", "");
  commit();
  process.chdir("..");
  git("init", "--quiet");
  git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", resolve("theme"), "sub");
  git("config", "--file", ".gitmodules", "submodule.sub.ignore", "all");
  writeFileSync(".gitignore", "/theme/\n");
  commit();
  expect(readGitFacts()?.dirty).toEqual([]);
  git("-C", "sub", "commit", "--quiet", "--allow-empty", "--message", "Second");
  expect(readGitFacts()?.dirty).toEqual(["sub"]);
});

test("a clone that was cut off is shallow", () => {
  commit();
  git("commit", "--quiet", "--allow-empty", "--message", "Second");
  const origin = resolve(".");
  mkdirSync("clone");
  git("clone", "--quiet", "--depth=1", `file://${origin}`, "clone");
  process.chdir("clone");
  expect(readGitFacts()?.shallow).toBe(true);
});

describe("the address of the repository", () => {
  test.each([
    ["https://github.com/owner/name.git", "https://github.com/owner/name.git"],
    [
      "https://user:secret@github.com/owner/name.git?token=secret",
      "https://github.com/owner/name.git",
    ],
    ["git@github.com:owner/name.git", "github.com:owner/name.git"],
    ["ssh://git@example.com/name", "ssh://example.com/name"],
  ])("%s shows no credentials", (address, shown) => {
    commit();
    git("remote", "add", "origin", address);
    expect(readGitFacts()?.repository).toBe(shown);
  });
});

test("a missing git, and one that refuses, are told with what to do", () => {
  commit();
  const path = process.env["PATH"];
  vi.stubEnv("PATH", resolve("nowhere"));
  expect(() => readGitFacts()).toThrow(
    /^git cannot be run \(.*ENOENT\); install it, or name the version: pulumi config set release v2.1.8$/,
  );
  vi.stubEnv("PATH", path);
  writeFileSync(".git/config", "[core\n");
  expect(() => readGitFacts()).toThrow(/^git does not say what is released: fatal: bad config/);
});
