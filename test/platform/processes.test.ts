import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Service,
  knownServices,
  logFile,
  residentBytes,
  servicePid,
  startService,
  stopService,
} from "../../platform/processes";
import { PlatformError } from "../../platform/settings";
import { folderWith } from "../folders";

let state = "";

beforeEach(() => {
  state = folderWith({});
});

afterEach(async () => {
  for (const name of knownServices(state)) await stopService(state, name);
});

/** A service that is ready once its script made the file `ready`. */
function service(script: string, changes: Partial<Service> = {}): Service {
  return {
    name: "server",
    command: ["sh", "-c", script],
    env: { STATE: state },
    address: "port 4711",
    ready: () => Promise.resolve(existsSync(join(state, "ready"))),
    patience: 10,
    ...changes,
  };
}

const serve = 'echo started; touch "$STATE/ready"; exec sleep 60';

async function failureOf(started: Promise<unknown>): Promise<unknown> {
  return started.catch((error: unknown) => error);
}

function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
}

test("a service is started once, found again and stopped", async () => {
  expect(await startService(state, service(serve))).toBe(true);
  const pid = servicePid(state, "server") ?? 0;
  expect(knownServices(state)).toEqual(["server"]);
  expect(residentBytes(pid)).toBeGreaterThan(0);
  expect(readFileSync(logFile(state, "server"), "utf8")).toBe("started\n");

  expect(await startService(state, service(serve))).toBe(false);
  expect(servicePid(state, "server")).toBe(pid);

  expect(await stopService(state, "server")).toBe(true);
  expect(isGone(pid)).toBe(true);
  expect(servicePid(state, "server")).toBeUndefined();
  expect(knownServices(state)).toEqual([]);
  expect(residentBytes(pid)).toBe(0);
});

test("to stop what does not run does nothing", async () => {
  expect(await stopService(state, "server")).toBe(false);
});

test("what a service started ends with it", async () => {
  await startService(
    state,
    service('sleep 60 & echo $! > "$STATE/child"; touch "$STATE/ready"; wait'),
  );
  const child = Number(readFileSync(join(state, "child"), "utf8"));
  expect(isGone(child)).toBe(false);
  await stopService(state, "server");
  for (let i = 0; i < 50 && !isGone(child); i++) await sleep(20);
  expect(isGone(child)).toBe(true);
});

test("a log goes on where the last start ended", async () => {
  for (let i = 0; i < 2; i++) {
    await startService(state, service(serve));
    await stopService(state, "server");
    rmSync(join(state, "ready"));
  }
  expect(readFileSync(logFile(state, "server"), "utf8")).toBe("started\nstarted\n");
});

test("errors of the readiness check count as not yet", async () => {
  let asked = 0;
  const ready = (): Promise<boolean> =>
    ++asked < 3 ? Promise.reject(new Error("connection refused")) : Promise.resolve(true);
  expect(await startService(state, service("sleep 60", { ready }))).toBe(true);
  expect(asked).toBe(3);
});

test("a process that got the pid of an ended service is left alone", async () => {
  await startService(state, service(serve));
  const pid = servicePid(state, "server") ?? 0;
  const file = join(state, "pids/server.json");
  const note = readFileSync(file, "utf8");
  writeFileSync(file, JSON.stringify({ pid, startTime: "1" }));
  expect(servicePid(state, "server")).toBeUndefined();
  expect(await stopService(state, "server")).toBe(false);
  expect(isGone(pid)).toBe(false);
  writeFileSync(file, note);
});

test("a process that ended and that nobody waited for counts as ended", async () => {
  // A container may have no init that waits for orphans.
  await startService(
    state,
    service('sleep 0 & echo $! > "$STATE/ended"; touch "$STATE/ready"; exec sleep 60'),
  );
  const pid = Number(readFileSync(join(state, "ended"), "utf8"));
  for (let i = 0; i < 50 && !isGone(pid); i++) await sleep(20);
  const startTime = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[21];
  writeFileSync(join(state, "pids/orphan.json"), JSON.stringify({ pid, startTime }));
  expect(servicePid(state, "orphan")).toBeUndefined();
});

test("a half-written pid file counts as not running", async () => {
  await startService(state, service(serve));
  const file = join(state, "pids/server.json");
  const note = readFileSync(file, "utf8");
  writeFileSync(file, note.slice(0, 5));
  expect(servicePid(state, "server")).toBeUndefined();
  writeFileSync(file, note);
});

test("a program that is not there is named", async () => {
  const failure = await failureOf(
    startService(state, service("", { command: ["no-such-program"] })),
  );
  expect(failure).toEqual(
    new PlatformError("server cannot be started: spawn no-such-program ENOENT"),
  );
  expect(knownServices(state)).toEqual([]);
});

test("a service that ends shows the last ten lines of its log", async () => {
  const failure = await failureOf(startService(state, service("seq 12; exit 3")));
  const lines = ["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"].join("\n");
  expect(failure).toEqual(
    new PlatformError(
      `server ended instead of listening on port 4711:\n${lines}\nThe whole log is ${logFile(state, "server")}`,
    ),
  );
  expect(knownServices(state)).toEqual([]);
});

test("a service that never becomes ready is told apart from one that ended", async () => {
  const failure = await failureOf(
    startService(state, service("echo busy; exec sleep 60", { patience: 0.3 })),
  );
  expect(failure).toEqual(
    new PlatformError(
      `server was not ready on port 4711 within 0.3 s:\nbusy\nThe whole log is ${logFile(state, "server")}`,
    ),
  );
});
