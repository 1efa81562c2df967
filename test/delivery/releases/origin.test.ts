import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { originOfSources } from "../../../delivery/releases/origin.ts";
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
