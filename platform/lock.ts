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
import { PlatformError } from "./settings";
import { startTime } from "./start-time";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What the holder of a lock says of itself. */
interface Holder {
  /** As its user typed it. */
  readonly command: string;
  readonly user: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

/**
 * Runs `body` while no other process changes the platform whose state folder this is. The lock ends with `body`, with
 * SIGINT, SIGTERM and SIGHUP, and with the process, however it ends.
 *
 * @param command what the user typed, for the message that others get meanwhile.
 * @throws PlatformError at once when another process holds the lock: who, since when, and what to do; and where the
 *   lock cannot be written.
 */
export async function withLock<T>(
  state: string,
  command: string,
  body: () => Promise<T>,
): Promise<T> {
  const release = takeLock(state, command);
  const end = (signal: NodeJS.Signals): void => {
    release();
    forget();
    process.kill(process.pid, signal);
  };
  const forget = (): void => {
    for (const signal of endingSignals) process.removeListener(signal, end);
    process.removeListener("exit", release);
  };
  for (const signal of endingSignals) process.on(signal, end);
  process.on("exit", release);
  try {
    return await body();
  } finally {
    release();
    forget();
  }
}

/** Folder that is the lock. It is beside the state folder, since a reset deletes that one while it holds the lock. */
export function lockFolder(state: string): string {
  return `${state}.lock`;
}

/**
 * The lock is a folder with one file, named by its holder's pid and start time. A rename puts a folder in its place only
 * where there is none or an empty one, so one of many wins, with its file in place. What an ended holder left is
 * deleted by that file's name, which no other holder ever has: nobody deletes a lock that was just taken over.
 */
function takeLock(state: string, command: string): () => void {
  const lock = lockFolder(state);
  const own = `${process.pid}-${startTime(process.pid) ?? ""}`;
  const draft = `${lock}.${own}`;
  const holder: Holder = { command, user: userName(), since: new Date().toISOString() };
  try {
    mkdirSync(dirname(state), { recursive: true });
    mkdirSync(draft, { recursive: true });
    writeFileSync(join(draft, own), JSON.stringify(holder));
    while (!renamed(draft, lock)) removeEnded(lock, state);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    throw new PlatformError(
      `the lock ${lock} cannot be taken: ${error instanceof Error ? error.message : ""}; mend that folder, or give it a little space`,
    );
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

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Deletes what an ended process left; throws where the holder lives. */
function removeEnded(lock: string, state: string): void {
  for (const name of entries(lock)) {
    const [pid = "", started] = name.split("-");
    if (started !== undefined && startTime(Number(pid)) === started) refuse(lock, name, state);
    else rmSync(join(lock, name), { force: true });
  }
}

function entries(lock: string): string[] {
  try {
    return readdirSync(lock);
  } catch {
    // It was released in the meantime.
    return [];
  }
}

function refuse(lock: string, name: string, state: string): void {
  const text = read(join(lock, name));
  // Released in the meantime: it can be tried again.
  if (text === undefined) return;
  // takeLock writes exactly this type.
  const { command, user, since } = JSON.parse(text) as Holder;
  const pid = name.split("-")[0] ?? "";
  const of = user === userName() ? "" : ` of the user ${user}`;
  throw new PlatformError(
    `${command} (process ${pid}${of}, since ${since.replace(/\.\d+/, "")}) works on the platform in ${state} now; ` +
      `wait until it has ended, or end it with Ctrl-C where it runs or kill ${pid}`,
  );
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** The number of a user that has no name, as in some containers. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.());
  }
}
