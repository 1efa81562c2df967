import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  originFile,
  originOfSources,
  readOrigin,
  writeOrigin,
} from "../../../delivery/releases/origin.ts";
import { enterFolderWith } from "../../folders.ts";

const builder = "https://tinyolly.dev/builder/own-machine";

beforeEach(() => {
  enterFolderWith({ "main.py": "pass\n" });
  vi.stubEnv("GIT_CONFIG_GLOBAL", "/dev/null");
  const author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
  execFileSync("git", ["init", "--quiet"]);
  execFileSync("git", ["add", "."]);
  execFileSync("git", [...author, "commit", "--quiet", "--message=First"]);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

test("sources in a repository have a commit", () => {
  const { source } = originOfSources({});
  expect(source).toMatchObject({ dirty: false });
});

test.each<[what: string, name: string, value: string]>([
  ["is missing", "PATH", resolve("nowhere")],
  // What Git itself is tested with.
  ["distrusts the folder's owner", "GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"],
])("they have none where git %s", (_, name, value) => {
  vi.stubEnv(name, value);
  expect(originOfSources({})).toEqual({ builder });
});

test("an origin is read as it was written, and one that nobody wrote is an error with its cure", () => {
  writeOrigin("v2.1.8", { builder });
  expect(readOrigin(originFile("v2.1.8"))).toEqual({ builder });
  expect(() => readOrigin(originFile("v2.1.9"))).toThrow(
    ".tinyolly/origins/v2.1.9.json does not say which commit is released; run pulumi up, which writes it",
  );
});
