import { PlatformError } from "../settings.ts";
import { type Holder, type Release, codeOf, tryLock, userName } from "./process-lock.ts";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

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

function takeLock(state: string, command: string): Release {
  const lock = lockFolder(state);
  const taken = tryPlatformLock(lock, command);
  if (typeof taken === "function") return taken;
  const { pid, user, since } = taken;
  const of = user === userName() ? "" : ` of the user ${user}`;
  throw new PlatformError(
    `${taken.command} (process ${pid}${of}, since ${since.replace(/\.\d+/, "")}) works on the platform in ${state} now; ` +
      `wait until it has ended, or end it with Ctrl-C where it runs or kill ${pid}`,
  );
}

function tryPlatformLock(lock: string, command: string): Release | Holder {
  try {
    return tryLock(lock, command);
  } catch (error) {
    if (codeOf(error) === "") throw error;
    throw new PlatformError(
      `the lock ${lock} cannot be taken: ${error instanceof Error ? error.message : ""}; mend that folder, or give it a little space`,
    );
  }
}
