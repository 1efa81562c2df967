// Runs scripts of the workflow as a runner does, with a stand-in for `gh`. What GitHub itself does with the workflow is
// not shown here.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { folderWith } from "./folders.ts";
import { scriptOf } from "./workflow.ts";

/** Text that a shell, a line of Markdown or GitHub would read as more than text. */
const odd = "`touch x` $(touch x) 'a' \"b\" \\n ${{ x }} ::error::\n@file\nEOF";

let temporary = "";

beforeEach(() => {
  temporary = folderWith({ output: "", summary: "", env: "" });
});

function step(
  job: string,
  name: string,
  env: Readonly<Record<string, string>>,
  folder = temporary,
): { status: number | null; output: string } {
  const file = join(temporary, "script.sh");
  writeFileSync(file, scriptOf("delivery.yml", job, name));
  const run = spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", file], {
    cwd: folder,
    encoding: "utf8",
    env: {
      PATH: `${temporary}:${process.env["PATH"] ?? ""}`,
      HOME: temporary,
      RUNNER_TEMP: temporary,
      GITHUB_OUTPUT: join(temporary, "output"),
      GITHUB_STEP_SUMMARY: join(temporary, "summary"),
      GITHUB_ENV: join(temporary, "env"),
      GITHUB_REPOSITORY: "ryanfaircloth/tinyolly",
      ...env,
    },
  });
  return { status: run.status, output: `${run.stdout}${run.stderr}` };
}

const written = (file: string): string => readFileSync(join(temporary, file), "utf8");

describe("the comment", () => {
  function comment(present: string): { calls: string[]; body: string } {
    const gh = [
      "#!/bin/sh",
      `echo "$*" >> '${temporary}/calls'`,
      `case "$*" in *--paginate*) printf '${present}' ;; esac`,
    ];
    writeFileSync(join(temporary, "gh"), gh.join("\n"));
    chmodSync(join(temporary, "gh"), 0o755);
    const env = { GH_TOKEN: "t", PR_NUMBER: "7", COMMENT: `### stack prod\n${odd}` };
    expect(step("comment", "Write or renew the comment", env)).toEqual({ status: 0, output: "" });
    const calls = written("calls").trim().split("\n");
    return {
      calls: calls.map((call) => call.replaceAll(temporary, "…")),
      body: written("comment.md"),
    };
  }

  test("is written where there is none", () => {
    const { calls, body } = comment("");
    expect(calls).toEqual([
      expect.stringContaining("--paginate repos/ryanfaircloth/tinyolly/issues/7/comments"),
      "api --silent --method POST repos/ryanfaircloth/tinyolly/issues/7/comments --field body=@…/comment.md",
    ]);
    expect(body).toBe(`<!-- tinyolly delivery -->\n### stack prod\n${odd}\n`);
  });

  test("is renewed where there is one, the first of several", () => {
    expect(comment("11\\n12\\n").calls[1]).toBe(
      "api --silent --method PATCH repos/ryanfaircloth/tinyolly/issues/comments/11 --field body=@…/comment.md",
    );
  });
});

describe("the text of the comment", () => {
  const env = { OUTCOME: "success", RUN: "https://github.com/run/1", COMMIT: "abc" };

  function text(explanation: string, stateRead = "true"): string {
    writeFileSync(join(temporary, "explanation.md"), explanation);
    writeFileSync(join(temporary, "check.md"), "ready\n");
    const run = step("preview", "Write the comment", { ...env, STATE_READ: stateRead });
    expect(run).toEqual({ status: 0, output: "" });
    const [, delimiter = "", value] =
      /^comment<<([0-9a-f]{32})\n([^]*)$/.exec(written("output")) ?? [];
    expect(value?.endsWith(`\n${delimiter}\n`)).toBe(true);
    return value?.slice(0, -delimiter.length - 1) ?? "";
  }

  test("is the explanation, the check and the way to the preview", () => {
    expect(text(`${odd}\n`)).toBe(
      `${odd}\n\nready\n\nPreview of abc, property by property: [success](https://github.com/run/1).\n`,
    );
  });

  test("says when everything counts as new", () => {
    expect(text("x\n", "false")).toContain("The state of prod was not read");
  });

  test("is one line when the explanation is too long", () => {
    expect(text("…\n".repeat(20_000))).toBe(
      "The explanation of abc is too long for a comment: [success](https://github.com/run/1).\n",
    );
  });
});

describe("the tag", () => {
  const git = (folder: string, ...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.com", ...args], {
      cwd: folder,
      encoding: "utf8",
    });

  /** A checkout as the runner has it, at a tag that `tag` makes. */
  function check(tag: (folder: string) => void): { status: number | null; output: string } {
    const folder = folderWith({});
    git(folder, "init", "--quiet");
    git(folder, "commit", "--quiet", "--allow-empty", "--message=first");
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD");
    tag(folder);
    return step(
      "release",
      "Check the tag",
      { GITHUB_REF_NAME: "v2.1.8", DEFAULT_BRANCH: "main" },
      folder,
    );
  }

  test("is taken when it is annotated and on the default branch", () => {
    expect(check((folder) => git(folder, "tag", "-a", "v2.1.8", "-m", "x"))).toEqual({
      status: 0,
      output: "",
    });
  });

  test("is refused when it is not annotated", () => {
    const { status, output } = check((folder) => git(folder, "tag", "v2.1.8"));
    expect({ status, output }).toEqual({
      status: 1,
      output:
        "::error::v2.1.8 is not an annotated tag; delete it, and make it with: git tag -a v2.1.8\n",
    });
  });

  test("is refused when it is on another branch", () => {
    const { status, output } = check((folder) => {
      git(folder, "commit", "--quiet", "--allow-empty", "--message=second");
      git(folder, "tag", "-a", "v2.1.8", "-m", "x");
    });
    expect({ status, output }).toEqual({
      status: 1,
      output: "::error::v2.1.8 is not on main; delete it, merge its commit, and tag that\n",
    });
  });
});

test("a kubeconfig is kept for its user only, and only where there is one", () => {
  expect(step("release", "Keep the kubeconfig", { KUBECONFIG_TEXT: "" }).status).toBe(0);
  expect(existsSync(join(temporary, "kubeconfig"))).toBe(false);
  expect(written("env")).toBe("");

  expect(step("release", "Keep the kubeconfig", { KUBECONFIG_TEXT: odd }).status).toBe(0);
  expect(written("kubeconfig")).toBe(`${odd}\n`);
  expect(statSync(join(temporary, "kubeconfig")).mode & 0o777).toBe(0o600);
  expect(written("env")).toBe(`KUBECONFIG=${temporary}/kubeconfig\n`);
});
