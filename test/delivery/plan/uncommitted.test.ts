import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findUncommitted, uncommittedProblems } from "../../../delivery/plan/uncommitted.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { planShop, shopFiles } from "../../shop.ts";

function git(...args: string[]): void {
  execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args]);
}

function commit(): void {
  git("init", "--quiet");
  git("add", ".");
  git("commit", "--quiet", "--message=First");
}

const found = () => findUncommitted(planShop());

const missing = (files: string) =>
  `the commit does not hold all that is shipped: ${files}; commit and tag that with: git add --force …, ` +
  "or leave it out by .dockerignore or .helmignore";

const overlooked = (files: string) =>
  `git overlooks edits of what is shipped: ${files}; have it look with: ` +
  "git update-index --no-skip-worktree … and git update-index --no-assume-unchanged …";

beforeEach(() => {
  enterFolderWith({ ...shopFiles, gitconfig: "[core]\n\texcludesFile = excludes\n", excludes: "" });
  vi.stubEnv("GIT_CONFIG_GLOBAL", resolve("gitconfig"));
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test("what is committed as it is, and what is not shipped, is no problem", () => {
  writeFiles(".", { ".gitignore": "notes.txt\n*.log\n", "run.log": "" });
  commit();
  expect(found()).toEqual([]);
});

test("a folder in no repository is told elsewhere", () => {
  vi.stubEnv("GIT_CEILING_DIRECTORIES", resolve(".."));
  expect(found()).toEqual([]);
});

describe("a release from Git is refused for", () => {
  test("files that Git ignores, and build contexts and charts do not", () => {
    writeFiles(".", {
      ".gitignore": "*.tgz\n",
      excludes: "z.go\n",
      "charts/shop/charts/extra-1.0.0.tgz": "",
      "apps/web/internal/zöö/z.go": "",
    });
    commit();
    expect(found()).toEqual([
      missing("apps/web/internal/zöö/z.go, charts/shop/charts/extra-1.0.0.tgz"),
    ]);
    git("add", "--force", "apps/web/internal", "charts/shop/charts");
    expect(found()).toEqual([]);
  });

  test("an ignored Dockerfile that is left out of its own context", () => {
    writeFiles(".", { excludes: "Dockerfile\n" });
    appendFileSync("apps/web/.dockerignore", "Dockerfile\n");
    commit();
    expect(found()).toEqual([missing("apps/api/Dockerfile, apps/web/Dockerfile")]);
  });

  test("edits that Git is told to overlook", () => {
    commit();
    git("update-index", "--skip-worktree", "apps/web/index.html", "apps/web/notes.txt");
    git("update-index", "--assume-unchanged", "charts/shop/values.yaml", "excludes");
    expect(found()).toEqual([overlooked("apps/web/index.html, charts/shop/values.yaml")]);
    git("update-index", "--no-skip-worktree", "apps/web/index.html");
    git("update-index", "--no-assume-unchanged", "charts/shop/values.yaml");
    expect(found()).toEqual([]);
  });

  test("a deliverable outside of the repository", () => {
    mkdirSync("inner");
    process.chdir("inner");
    writeFiles(".", shopFiles);
    commit();
    const plan = planShop({ images: { web: { path: "../apps/web" } }, charts: {} });
    expect(() => findUncommitted(plan)).toThrow(
      /^git does not say what is released: fatal: .* is outside repository/,
    );
  });
});

test("a project in a folder of the repository finds its own files", () => {
  mkdirSync("inner");
  writeFiles("inner", shopFiles);
  commit();
  process.chdir("inner");
  expect(found()).toEqual([]);
  writeFileSync("apps/web/new", "");
  expect(found()).toEqual([missing("apps/web/new")]);
});

test("the project can be a deliverable itself", () => {
  process.chdir("apps/web");
  commit();
  writeFileSync("new", "");
  const plan = planShop({ images: { web: { path: "." } }, charts: {} });
  expect(findUncommitted(plan)).toEqual([missing("new")]);
});

test("a deliverable behind a link is known by where the link leads", () => {
  // Git would take the colon for the start of a pattern.
  renameSync("apps/web", ":web");
  symlinkSync("../:web", "apps/web");
  commit();
  expect(found()).toEqual([]);
  writeFileSync(":web/new", "");
  expect(found()).toEqual([missing(":web/new")]);
});

test("files of a submodule are known to it", () => {
  mkdirSync("theme");
  writeFiles("theme", { ".gitignore": "*.css\n", "a.html": "" });
  process.chdir("theme");
  commit();
  process.chdir("..");
  git("init", "--quiet");
  const add = ["submodule", "--quiet", "add", resolve("theme"), "apps/web/theme"];
  git("-c", "protocol.file.allow=always", ...add);
  writeFileSync(".gitignore", "/theme/\n");
  commit();
  expect(found()).toEqual([]);
  writeFileSync("apps/web/theme/a.css", "");
  expect(found()).toEqual([missing("apps/web/theme/a.css")]);
});

test("of many files the first are named, each once", () => {
  const index = { tracked: new Set(["f"]), overlooked: new Set(["f", "g"]) };
  expect(uncommittedProblems(["e", "d", "c", "b", "a", "a", "f"], index)).toEqual([
    missing("a, b, c and 2 more"),
    overlooked("f"),
  ]);
});
