import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startTime } from "./start-time.ts";

/** Who has a lock. */
export interface Holder {
  readonly pid: number;
  /** What it does, for messages, such as `make up`. */
  readonly command: string;
  readonly user: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** Gives a lock back. */
export type Release = () => void;

/**
 * Takes the lock that is the folder `lock`, unless a living process has it, which is then returned. It ends with its
 * process, however that ends.
 *
 * The folder has one file, named by its holder's pid and start time. A rename puts a folder in its place only where
 * there is none or an empty one, so one of many wins, with its file in place. What an ended holder left is deleted by
 * that file's name, which no other holder ever has: nobody deletes a lock that was just taken over.
 *
 * @param command what the process does, for those who find the lock taken.
 * @throws the error of the file system where the lock cannot be written.
 */
export function tryLock(lock: string, command: string): Release | Holder {
  const own = `${process.pid}-${startTime(process.pid) ?? ""}`;
  const draft = `${lock}.${own}`;
  const note = { command, user: userName(), since: new Date().toISOString() };
  try {
    mkdirSync(dirname(lock), { recursive: true });
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, own), JSON.stringify(note));
    while (!renamed(draft, lock)) {
      const holder = livingHolder(lock);
      if (holder) return holder;
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return () => {
    rmSync(join(lock, own), { force: true });
    try {
      rmdirSync(lock);
    } catch {
      // The next one has it already.
    }
  };
}

/** Takes a lock once it is free; `wait` is told who has it, once for each holder. */
export async function awaitLock(
  lock: string,
  command: string,
  wait: (holder: Holder) => void,
): Promise<Release> {
  let known: Holder | undefined;
  for (;;) {
    const taken = tryLock(lock, command);
    if (typeof taken === "function") return taken;
    if (known?.pid !== taken.pid || known.since !== taken.since) wait(taken);
    known = taken;
    await sleep(100);
  }
}

/** Runs `body` once a lock is free that others hold for milliseconds. */
export function whileLocked<T>(lock: string, command: string, body: () => T): T {
  const asleep = new Int32Array(new SharedArrayBuffer(4));
  let taken = tryLock(lock, command);
  while (typeof taken !== "function") {
    Atomics.wait(asleep, 0, 0, 5);
    taken = tryLock(lock, command);
  }
  try {
    return body();
  } finally {
    taken();
  }
}

/** The number of a user that has no name, as in some containers. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}

/** Code of a system error such as `EACCES`; empty for other errors. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function renamed(draft: string, lock: string): boolean {
  try {
    renameSync(draft, lock);
    return true;
  } catch (error) {
    // The file system's choice.
    if (["ENOTEMPTY", "EEXIST"].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Deletes what ended processes left; undefined where nobody has the lock now. */
function livingHolder(lock: string): Holder | undefined {
  for (const name of entries(lock)) {
    const [pid = "", started] = name.split("-");
    if (started === undefined || startTime(Number(pid)) !== started) {
      rmSync(join(lock, name), { force: true });
      continue;
    }
    const text = read(join(lock, name));
    // Released in the meantime: it can be tried again.
    if (text === undefined) continue;
    // tryLock writes exactly this type.
    return { pid: Number(pid), ...(JSON.parse(text) as Omit<Holder, "pid">) };
  }
  return undefined;
}

function entries(lock: string): string[] {
  try {
    return readdirSync(lock);
  } catch {
    // It was released in the meantime.
    return [];
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
