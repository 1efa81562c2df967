import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { startTime } from "../platform/machine/start-time.ts";
import { folderWith } from "./folders.ts";
import { TestRun } from "./test-run.ts";

/** Makes folders of runs with these owners the only ones of this machine. Returns the folder that they are in. */
function haveRuns(owners: Readonly<Record<string, { pid: number; startTime?: string }>>): string {
  const files = Object.entries(owners).map(
    ([name, owner]) =>
      [
        `tinyolly-test-${name}/owner`,
        JSON.stringify({ ...owner, portOffsets: [1100, 1200] }),
      ] as const,
  );
  const folder = folderWith({
    ...Object.fromEntries(files),
    "tinyolly-test-of-a-unit-test/file": "",
    "else/owner": "",
  });
  vi.stubEnv("TMPDIR", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return folder;
}

const own = { pid: process.pid, startTime: startTime(process.pid) ?? "" };

test("a run is left behind once its process has ended, also where the pid is another's now", () => {
  const { pid } = spawnSync("true");
  const folder = haveRuns({
    own,
    ended: { pid, startTime: "5" },
    again: { ...own, startTime: "5" },
  });
  const left = TestRun.leftBehind().map(({ main }) => main.checkout);
  expect(left.sort()).toEqual(
    ["again", "ended"].map((name) => join(folder, `tinyolly-test-${name}/checkout`)),
  );
});

test("a folder of another user, and a link to one, is nobody's run", () => {
  const { pid } = spawnSync("true");
  const folder = haveRuns({ ended: { pid, startTime: "5" }, theirs: { pid, startTime: "5" } });
  chownSync(join(folder, "tinyolly-test-theirs"), 65534, 65534);
  symlinkSync("tinyolly-test-ended", join(folder, "tinyolly-test-link"));
  expect(TestRun.leftBehind().map(({ main }) => main.checkout)).toEqual([
    join(folder, "tinyolly-test-ended/checkout"),
  ]);
});

test("what a killed run has started is killed, and nothing else", async () => {
  const folder = haveRuns({ killed: { pid: own.pid, startTime: "5" } });
  const [left] = TestRun.leftBehind();
  const start = (checkout: string) => {
    const env = { ...process.env, TINYOLLY_TEST_CHECKOUT: checkout };
    const child = spawn("sleep", ["600"], { env, detached: true });
    onTestFinished(() => {
      child.kill();
    });
    return child;
  };
  const [main, spare, others] = ["checkout", "spare", "checkout2"].map((name) =>
    start(join(folder, `tinyolly-test-killed/${name}`)),
  ) as [ChildProcess, ChildProcess, ChildProcess];
  await Promise.all([main, spare, others].map((child) => once(child, "spawn")));
  const ended = Promise.all([once(main, "exit"), once(spare, "exit")]);
  await left?.kill();
  expect(await ended).toEqual([
    [null, "SIGKILL"],
    [null, "SIGKILL"],
  ]);
  expect(others.exitCode).toBeNull();
});
