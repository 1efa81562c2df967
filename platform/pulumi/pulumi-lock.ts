import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import { userName } from "../machine/process-lock.ts";
import { startTime, statFields } from "../machine/start-time.ts";
import { type PlatformSettings, localStack } from "../settings.ts";

/** Linux counts a process's start in ticks of this many milliseconds. */
const tickMs = 10;
/** The kernel knows its own start to the second. */
const toleranceMs = 2000;

/** Folder in which Pulumi locks the local stack of the platform with a file for each process that changes it. */
export function pulumiLocks({ state }: PlatformSettings): string {
  return join(state, `pulumi/.pulumi/locks/organization/tinyolly/${localStack}`);
}

/**
 * Deletes locks of the local stack whose process was one of this user on this machine and has ended, so that nobody needs
 * `pulumi cancel` after a run that was killed, and says whose they were. All others stay, for Pulumi to tell of.
 */
export function clearEndedLocks(settings: PlatformSettings, log: (line: string) => void): void {
  const folder = pulumiLocks(settings);
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    const holder = readHolder(file);
    if (!holder || !isOver(holder)) continue;
    rmSync(file, { force: true });
    log(
      `cleared Pulumi's lock of the stack ${localStack}: its process ${holder.pid} of ${holder.username}, since ${holder.timestamp}, has ended`,
    );
  }
}

/** What a lock says of the process that holds it. */
interface Holder {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  /** When it was locked: RFC 3339. */
  readonly timestamp: string;
}

/** Undefined where the lock was released meanwhile, or says something else than we know. */
function readHolder(file: string): Holder | undefined {
  try {
    const { pid, username, hostname: host, timestamp } = fields(parseJson(readFileSync(file)));
    if (typeof pid !== "number" || typeof username !== "string") return undefined;
    if (typeof host !== "string" || typeof timestamp !== "string") return undefined;
    return { pid, username, hostname: host, timestamp };
  } catch {
    return undefined;
  }
}

function isOver({ pid, username, hostname: host, timestamp }: Holder): boolean {
  if (host !== hostname() || username !== userName()) return false;
  const running = describe(pid);
  if (!running) return true;
  // A pid is used again. A clock that was set meanwhile would have any process look younger, so a Pulumi is always believed.
  return running.startMs > Date.parse(timestamp) + toleranceMs && !running.name.includes("pulumi");
}

/** Name of a process, and when it started in milliseconds since 1970; undefined when it has ended. */
function describe(pid: number): { name: string; startMs: number } | undefined {
  if (startTime(pid) === undefined) return undefined;
  try {
    const boot = /^btime (\d+)$/m.exec(readFileSync("/proc/stat", "utf8"))?.[1];
    const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    const ticks = statFields(pid)?.[19];
    return { name, startMs: Number(boot) * 1000 + Number(ticks) * tickMs };
  } catch {
    return undefined;
  }
}
