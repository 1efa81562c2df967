import { spawnSync } from "node:child_process";
import { chmodSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderWith } from "../folders.ts";

/** Programs that fit, by what they say of their version. */
const fitting = {
  git: "git version 2.39.5",
  node: "v20.19.0",
  npm: "10.8.2",
  go: "go version go1.21.0 linux/amd64",
  "apt-get": "",
};

/** What is said on a machine with these programs alone; undefined where nothing is lacking. */
function lacking(
  programs: Readonly<Record<string, string>>,
  args: readonly string[] = ["4.3", "go"],
): string | undefined {
  const scripts: Record<string, string> = {};
  for (const [name, said] of Object.entries(programs))
    scripts[name] = `#!/bin/sh\necho "${said}"\n`;
  const bin = folderWith(scripts);
  for (const name of Object.keys(programs)) chmodSync(join(bin, name), 0o755);
  for (const name of ["sort", "head", "grep"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
  const { status, stderr } = spawnSync("/bin/sh", ["platform/requirements.sh", ...args], {
    encoding: "utf8",
    env: { PATH: bin },
  });
  expect(status).toBe(stderr === "" ? 0 : 1);
  return stderr === "" ? undefined : stderr;
}

test("a machine with all that is needed lacks nothing", () => {
  expect(lacking(fitting)).toBeUndefined();
});

test("all that is missing or too old is named at once, each with what installs it", () => {
  const old = { "apt-get": "", node: "v18.20.4", go: "go version go1.19.8 linux/amd64" };
  expect(lacking(old, ["3.80", "go"])).toBe(
    [
      "this machine lacks:",
      "  make 3.81 or newer instead of 3.80: apt-get install -y make",
      "  git 2.20 or newer, which is missing: apt-get install -y git",
      "  Node 20.19 or newer instead of 18.20.4: https://nodejs.org/en/download has the commands",
      "  npm 9.0 or newer, which is missing: it comes with Node",
      "  Go 1.21 or newer instead of 1.19.8: https://go.dev/doc/install has the commands",
      "",
    ].join("\n"),
  );
});

describe("Go is needed", () => {
  const { go, ...others } = fitting;

  test("only where the platform may be built", () => {
    expect(go).toBeDefined();
    expect(lacking(others)).toMatch(/Go 1\.21 or newer, which is missing/);
    expect(lacking(others, ["4.3"])).toBeUndefined();
  });

  test.each([
    ["up", "", true],
    ["test", "", true],
    ["explain", "", false],
    ["up", "kind", false],
  ])("or not by make %s PLATFORM=%s", (target, platform, expected) => {
    const checkout = folderWith({ "package.json": "", "package-lock.json": "" });
    symlinkSync(join(process.cwd(), "Makefile"), join(checkout, "Makefile"));
    const args = ["--dry-run", target, `PLATFORM=${platform}`];
    const { stdout } = spawnSync("make", args, { cwd: checkout, encoding: "utf8" });
    expect(stdout).toMatch(
      expected ? /requirements\.sh [\d.]+ go$/m : /requirements\.sh [\d.]+ *$/m,
    );
  });
});
