import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type Service,
  knownServices,
  logFile,
  memoryBytes,
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
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return true;
  }
}

test("a service is started once, found again and stopped", async () => {
  expect(await startService(state, service(serve))).toBe(true);
  const pid = servicePid(state, "server") ?? 0;
  expect(knownServices(state)).toEqual(["server"]);
  expect(memoryBytes(pid)).toBeGreaterThan(0);
  expect(readFileSync(logFile(state, "server"), "utf8")).toBe("started\n");

  expect(await startService(state, service(serve))).toBe(false);
  expect(servicePid(state, "server")).toBe(pid);

  expect(await stopService(state, "server")).toBe(true);
  expect(isGone(pid)).toBe(true);
  expect(servicePid(state, "server")).toBeUndefined();
  expect(knownServices(state)).toEqual([]);
  expect(memoryBytes(pid)).toBe(0);
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
  await vi.waitUntil(() => isGone(child));
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
  // A container may have no init that waits for orphans; sleep does not wait either, once it took the shell's place.
  await startService(
    state,
    service('sleep 60 & echo $! > "$STATE/child"; touch "$STATE/ready"; exec sleep 60'),
  );
  const pid = Number(readFileSync(join(state, "child"), "utf8"));
  const parent = `/proc/${servicePid(state, "server") ?? 0}/comm`;
  await vi.waitUntil(() => readFileSync(parent, "utf8") === "sleep\n");
  const startTime = readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[21];
  writeFileSync(join(state, "pids/child.json"), JSON.stringify({ pid, startTime }));
  expect(servicePid(state, "child")).toBe(pid);
  process.kill(pid, "SIGKILL");
  await vi.waitUntil(() => isGone(pid));
  expect(servicePid(state, "child")).toBeUndefined();
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
    startService(state, service("echo busy; exec sleep 60", { patience: 1 })),
  );
  expect(failure).toEqual(
    new PlatformError(
      `server was not ready on port 4711 within 1 s:\nbusy\nThe whole log is ${logFile(state, "server")}`,
    ),
  );
});

test("an address that another server has is not shared with it", async () => {
  writeFileSync(join(state, "ready"), "");
  const started = startService(state, service(serve));
  expect(await failureOf(started)).toEqual(
    new PlatformError(
      "something else answers on port 4711 already, perhaps the platform of another checkout; " +
        "end it there with make platform-down, or give this one other ports (TINYOLLY_PORT_OFFSET=100 and so on, see docs/platform.md)",
    ),
  );
  expect(knownServices(state)).toEqual([]);
});
