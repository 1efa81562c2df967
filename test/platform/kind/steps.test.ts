import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type Step, commandLines, runSteps } from "../../../platform/kind/steps.ts";
import { PlatformError } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

let folder = "";
let log: string[] = [];

beforeEach(() => {
  folder = folderWith({});
  log = [];
});

function step(script: string, changes: Partial<Step> = {}): Step {
  return { name: "thing", command: ["sh", "-c", script], seconds: 20, ...changes };
}

function run(...steps: Step[]): Promise<unknown> {
  const env = { PATH: process.env["PATH"] ?? "", FOLDER: folder };
  return runSteps(steps, env, (line) => log.push(line)).catch((error: unknown) => error);
}

test("steps are done in order, with their input and environment", async () => {
  const input = { file: "input.yaml", text: "a: 1\n" };
  const failure = await run(
    step('cat > "$FOLDER/in"', { input }),
    step('cat "$FOLDER/in" "$FOLDER/in" > "$FOLDER/twice"'),
  );
  expect(failure).toBeUndefined();
  expect(readFileSync(join(folder, "twice"), "utf8")).toBe("a: 1\na: 1\n");
  expect(log.map((line) => line.replace(/[\d.]+/, "…"))).toEqual([
    "thing: done in … s",
    "thing: done in … s",
  ]);
});

test("a step is left out where its condition says so", async () => {
  await run(
    step('touch "$FOLDER/a"', { unless: ["true"] }),
    step('touch "$FOLDER/b"', { onlyIf: ["false"] }),
    step('touch "$FOLDER/c"', { unless: ["false"], onlyIf: ["true"] }),
  );
  expect(["a", "b", "c"].map((name) => existsSync(join(folder, name)))).toEqual([
    false,
    false,
    true,
  ]);
});

test("standard output goes to a file for its owner only", async () => {
  const file = join(folder, "kubeconfig");
  await run(
    step("echo secret; echo warning >&2", {
      output: { file, change: (text) => text.toUpperCase() },
    }),
  );
  expect(readFileSync(file, "utf8")).toBe("SECRET\n");
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("the first failure ends it, with the command, its last ten lines and the cure", async () => {
  const failure = await run(
    step("seq 12 >&2; exit 3", { cure: "Do that." }),
    step('touch "$FOLDER/next"'),
  );
  const lines = ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"].join("\n");
  expect(failure).toEqual(
    new PlatformError(`thing: sh -c 'seq 12 >&2; exit 3' ended with 3:\n${lines}\nDo that.`),
  );
  expect(existsSync(join(folder, "next"))).toBe(false);
});

test("a program that is not there is a failure", async () => {
  expect(await run(step("", { command: ["no-such-program"] }))).toEqual(
    new PlatformError("thing: no-such-program ended with 1:\nspawn no-such-program ENOENT"),
  );
});

test("a program that takes too long is ended", async () => {
  const command = ["sleep", "60"] as const;
  expect(await run(step("", { command, seconds: 0.2 }))).toEqual(
    new PlatformError("thing: sleep 60 did not end well within 0.2 s:\n"),
  );
});

test("a step that may be tried again is, until it works", async () => {
  const failure = await run(
    step('echo x >> "$FOLDER/tries"; [ "$(wc -l < "$FOLDER/tries")" = 2 ]', { again: true }),
  );
  expect(failure).toBeUndefined();
  expect(readFileSync(join(folder, "tries"), "utf8")).toBe("x\nx\n");
});

test("a step that may be tried again fails when its time is over", async () => {
  expect(await run(step("echo no; exit 1", { again: true, seconds: 0.5 }))).toEqual(
    new PlatformError("thing: sh -c 'echo no; exit 1' did not end well within 0.5 s:\nno"),
  );
});

test("commands are shown as a shell takes them", () => {
  const input = { file: "a.yaml", text: "" };
  const output = { file: "/b", change: (text: string) => text };
  expect(
    commandLines([
      step("echo 'a'", { input, output, unless: ["test", "-f", "/b c"], onlyIf: ["true"] }),
      step("", { command: ["docker", "start", "--x={{.Y}}"] }),
    ]),
  ).toEqual([
    "# thing, unless: test -f '/b c', only if: true",
    String.raw`sh -c 'echo '\''a'\''' < a.yaml > /b`,
    "# thing",
    "docker start '--x={{.Y}}'",
  ]);
});
