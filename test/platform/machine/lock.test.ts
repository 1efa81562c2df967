import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { lockFolder, withLock } from "../../../platform/machine/lock.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { PlatformError } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

const meanwhile = vi.hoisted((): { act?: () => void } => ({}));

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  return {
    ...fs,
    /** Lets another process act right after the folder was read. */
    readdirSync: (folder: string) => {
      const names = fs.readdirSync(folder);
      const { act } = meanwhile;
      delete meanwhile.act;
      act?.();
      return names;
    },
  };
});

let state = "";

beforeEach(() => {
  state = join(folderWith({}), "below", "state");
});

const own = `${process.pid}-${startTime(process.pid) ?? ""}`;

/** Files and folders beside the state folder. */
function beside(): string[] {
  return readdirSync(dirname(state)).sort();
}

async function failureOf(locked: Promise<unknown>): Promise<unknown> {
  return locked.catch((error: unknown) => error);
}

const nothing = (): Promise<void> => Promise.resolve();

test("the lock is held while the work runs, says who holds it, and leaves nothing behind", async () => {
  const result = await withLock(state, "make up", () => {
    expect(beside()).toEqual(["state.lock"]);
    expect(readdirSync(lockFolder(state))).toEqual([own]);
    // What takeLock writes.
    const { since, ...holder } = JSON.parse(
      readFileSync(join(lockFolder(state), own), "utf8"),
    ) as Record<string, string>;
    expect(holder).toEqual({ command: "make up", user: userInfo().username });
    expect(Math.abs(Date.now() - Date.parse(since ?? ""))).toBeLessThan(10_000);
    return Promise.resolve(7);
  });
  expect(result).toBe(7);
  expect(beside()).toEqual([]);
});

test("the lock ends with work that fails, and the failure is passed on", async () => {
  const failure = new Error("no");
  expect(await failureOf(withLock(state, "make up", () => Promise.reject(failure)))).toBe(failure);
  expect(beside()).toEqual([]);
});

test("no listener stays behind", async () => {
  const count = (): number[] =>
    ["SIGINT", "SIGTERM", "SIGHUP", "exit"].map((event) => process.listenerCount(event));
  const before = count();
  await withLock(state, "make up", () => {
    expect(count()).toEqual(before.map((number) => number + 1));
    return nothing();
  });
  expect(count()).toEqual(before);
});

test.each([
  ["the same user", userInfo().username, ""],
  ["another user", "alice", " of the user alice"],
])("the second one is told at once that %s holds the lock", async (_, user, of) => {
  const holder = { command: "make down", user, since: "2026-11-23T00:04:09.123Z" };
  writeFiles(lockFolder(state), { [own]: JSON.stringify(holder) });
  expect(await failureOf(withLock(state, "make up", nothing))).toEqual(
    new PlatformError(
      `make down (process ${process.pid}${of}, since 2026-11-23T00:04:09Z) works on the platform in ${state} now; ` +
        `wait until it has ended, or end it with Ctrl-C where it runs or kill ${process.pid}`,
    ),
  );
  expect(beside()).toEqual(["state.lock"]);
  expect(readdirSync(lockFolder(state))).toEqual([own]);
});

test("what is no holder's name, or has the pid but not the start time of a process, is taken over", async () => {
  const ended = spawnSync("true").pid;
  writeFiles(lockFolder(state), { [`${process.pid}-1`]: "{}", [`${ended}-1`]: "", "7": "", x: "" });
  await withLock(state, "make up", () => {
    expect(readdirSync(lockFolder(state))).toEqual([own]);
    return nothing();
  });
});

test("of two that take over from an ended process, the later one leaves the lock to the other", async () => {
  writeFiles(lockFolder(state), { [`${process.pid}-1`]: "{}" });
  const other = JSON.stringify({
    command: "make up",
    user: "alice",
    since: "2026-11-23T00:04:09Z",
  });
  meanwhile.act = () => {
    rmSync(lockFolder(state), { recursive: true });
    writeFiles(lockFolder(state), { [own]: other });
  };
  expect(await failureOf(withLock(state, "make down", nothing))).toMatchObject({
    message: expect.stringContaining("make up (process") as string,
  });
  expect(readFileSync(join(lockFolder(state), own), "utf8")).toBe(other);
});

test("a lock that is given back while it is looked at is taken", async () => {
  const holder = JSON.stringify({
    command: "make up",
    user: "alice",
    since: "2026-11-23T00:04:09Z",
  });
  writeFiles(lockFolder(state), { [own]: holder });
  meanwhile.act = () => {
    rmSync(lockFolder(state), { recursive: true });
  };
  expect(await withLock(state, "make down", () => Promise.resolve("done"))).toBe("done");
});

test("an empty folder is no lock", async () => {
  mkdirSync(lockFolder(state), { recursive: true });
  await withLock(state, "make up", nothing);
  expect(beside()).toEqual([]);
});

test("the state folder can be deleted under the lock", async () => {
  writeFiles(state, { "data/file": "" });
  await withLock(state, "make platform-reset", () => {
    rmSync(state, { recursive: true });
    expect(existsSync(lockFolder(state))).toBe(true);
    return nothing();
  });
  expect(beside()).toEqual([]);
});

test("what another process took over meanwhile is left to it", async () => {
  await withLock(state, "make up", () => {
    rmSync(join(lockFolder(state), own));
    writeFiles(lockFolder(state), { "1-1": "" });
    return nothing();
  });
  expect(readdirSync(lockFolder(state))).toEqual(["1-1"]);
});

test("a file in the place of the lock is reported, and left", async () => {
  mkdirSync(dirname(state), { recursive: true });
  writeFileSync(lockFolder(state), "");
  expect(await failureOf(withLock(state, "make up", nothing))).toEqual(
    new PlatformError(
      `the lock ${lockFolder(state)} cannot be taken: ENOTDIR: not a directory, ` +
        `rename '${lockFolder(state)}.${own}' -> '${lockFolder(state)}'; mend that folder, or give it a little space`,
    ),
  );
  expect(beside()).toEqual(["state.lock"]);
});
