import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { userName } from "../../../platform/machine/process-lock.ts";
import { clearEndedLocks, pulumiLocks } from "../../../platform/pulumi/pulumi-lock.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const lock = "5f6c1f0e-2c1c-4e0c-8f43-1b1c7d4d3f0a.json";
const timestamp = "2026-11-30T04:05:06.123456789Z";
const gone = endedPid();

let settings: PlatformSettings;
let said: string[];

beforeEach(() => {
  settings = readPlatformSettings({ TINYOLLY_STATE: join(folderWith({}), "state") });
  said = [];
});

/** Pid of a process that has ended. */
function endedPid(): number {
  return spawnSync("true").pid;
}

/** Clears the locks of a folder with one lock, as Pulumi writes it with these changes. Returns whether the lock is left. */
function isLeft(holder: Readonly<Record<string, unknown>> | string): boolean {
  const own = { pid: gone, username: userName(), hostname: hostname(), timestamp };
  const text = typeof holder === "string" ? holder : JSON.stringify({ ...own, ...holder });
  writeFiles(pulumiLocks(settings), { [lock]: text });
  clearEndedLocks(settings, (line) => said.push(line));
  return existsSync(join(pulumiLocks(settings), lock));
}

/** Starts a program that ends with the test. Returns its pid. */
function started(program: string): number {
  const child = spawn(program, ["600"]);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child.pid ?? 0;
}

test("a lock whose process has ended is cleared, and whose it was is said", () => {
  expect(isLeft({})).toBe(false);
  expect(readdirSync(pulumiLocks(settings))).toEqual([]);
  expect(said).toEqual([
    `cleared Pulumi's lock of the stack local: its process ${gone} of ${userName()}, since ${timestamp}, has ended`,
  ]);
});

test("a lock whose pid belongs to a process that began later is cleared", () => {
  expect(isLeft({ pid: started("sleep"), timestamp: "2020-01-01T00:00:00Z" })).toBe(false);
});

test("a lock whose process lives is left", () => {
  expect(isLeft({ pid: started("sleep"), timestamp: new Date().toISOString() })).toBe(true);
});

test("a lock whose pid is that of a Pulumi is left, whatever the clock says", () => {
  const pulumi = join(folderWith({}), "pulumi");
  copyFileSync("/bin/sleep", pulumi);
  expect(isLeft({ pid: started(pulumi), timestamp: "2020-01-01T00:00:00Z" })).toBe(true);
});

test.each([
  ["of another machine", { hostname: "elsewhere" }],
  ["of another user", { username: "somebody" }],
  ["in another form", { pid: "many" }],
  ["that was written in part", '{"pid":'],
])("a lock %s is left", (_, holder) => {
  expect(isLeft(holder)).toBe(true);
  expect(said).toEqual([]);
});

test("without a lock nothing happens", () => {
  clearEndedLocks(settings, (line) => said.push(line));
  expect(said).toEqual([]);
});
