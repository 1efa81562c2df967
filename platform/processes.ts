import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "./settings";
import { startTime, statFields } from "./start-time";

/** A server that the platform runs in the background. */
export interface Service {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens, for messages. */
  readonly address: string;
  /** Whether it does its job; asked until it does. Errors count as not yet. */
  readonly ready: () => Promise<boolean>;
  /** Seconds to become ready. */
  readonly patience: number;
}

/** A running process: pids are used again, so its start time goes with it. */
interface Running {
  readonly pid: number;
  readonly startTime: string;
}

/**
 * Starts a service unless it runs already, and waits until it is ready.
 *
 * @returns whether it had to be started.
 * @throws PlatformError with the end of its log when it does not become ready, or when another server has its address.
 */
export async function startService(state: string, service: Service): Promise<boolean> {
  const running = readRunning(state, service.name);
  if (running) {
    await waitReady(state, service, running.pid);
    return false;
  }
  if (await service.ready().catch(() => false)) {
    throw new PlatformError(
      `something else answers on ${service.address} already, perhaps the platform of another checkout; ` +
        `end it there with make platform-down, or give this one other ports (TINYOLLY_PORT_OFFSET=100 and so on, see docs/platform.md)`,
    );
  }
  mkdirSync(join(state, "logs"), { recursive: true });
  mkdirSync(join(state, "pids"), { recursive: true });
  const log = openSync(logFile(state, service.name), "a");
  const [command, ...args] = service.command;
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...process.env, ...service.env },
  });
  closeSync(log);
  const pid = await new Promise<number>((resolve, reject) => {
    child.once("spawn", () => {
      resolve(child.pid ?? 0);
    });
    child.once("error", (error) => {
      reject(new PlatformError(`${service.name} cannot be started: ${error.message}`));
    });
  });
  child.unref();
  writeFileSync(pidFile(state, service.name), JSON.stringify({ pid, startTime: startTime(pid) }));
  await waitReady(state, service, pid);
  return true;
}

/** Ends a service and what it started, by pid; nothing happens when it does not run. Returns whether it ran. */
export async function stopService(state: string, name: string): Promise<boolean> {
  const running = readRunning(state, name);
  rmSync(pidFile(state, name), { force: true });
  if (!running) return false;
  signal(running.pid, "SIGTERM");
  for (let i = 0; i < 100 && isAlive(running); i++) await sleep(100);
  if (isAlive(running)) signal(running.pid, "SIGKILL");
  for (let i = 0; i < 50 && isAlive(running); i++) await sleep(100);
  return true;
}

/** Pid of a service; undefined when it does not run. */
export function servicePid(state: string, name: string): number | undefined {
  return readRunning(state, name)?.pid;
}

/** Names of services that were started and not stopped. */
export function knownServices(state: string): string[] {
  const folder = join(state, "pids");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => file.replace(/\.json$/, ""));
}

/**
 * Memory in bytes of a process and all that it started, in which pages that several processes share count once; 0 when
 * it is gone.
 */
export function memoryBytes(pid: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const parent = /^\d+$/.test(name) ? statFields(Number(name))?.[1] : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(Number(parent)) ?? [];
    siblings.push(Number(name));
    children.set(Number(parent), siblings);
  }
  const sum = (one: number): number =>
    (children.get(one) ?? []).reduce((total, child) => total + sum(child), ownBytes(one));
  return sum(pid);
}

function ownBytes(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** File to which a service writes. */
export function logFile(state: string, name: string): string {
  return join(state, "logs", `${name}.log`);
}

async function waitReady(state: string, service: Service, pid: number): Promise<void> {
  const deadline = Date.now() + service.patience * 1000;
  for (let pause = 20; Date.now() < deadline; pause = Math.min(pause * 1.5, 250)) {
    if (await service.ready().catch(() => false)) return;
    if (startTime(pid) === undefined) {
      rmSync(pidFile(state, service.name), { force: true });
      throw new PlatformError(
        `${service.name} ended instead of listening on ${service.address}:\n${logEnd(state, service.name)}`,
      );
    }
    await sleep(pause);
  }
  throw new PlatformError(
    `${service.name} was not ready on ${service.address} within ${service.patience} s:\n${logEnd(state, service.name)}`,
  );
}

function logEnd(state: string, name: string): string {
  const file = logFile(state, name);
  const lines =
    existsSync(file) && statSync(file).size > 0
      ? readFileSync(file, "utf8").trimEnd().split("\n")
      : [];
  return `${lines.slice(-10).join("\n")}\nThe whole log is ${file}`;
}

function pidFile(state: string, name: string): string {
  return join(state, "pids", `${name}.json`);
}

function readRunning(state: string, name: string): Running | undefined {
  const file = pidFile(state, name);
  if (!existsSync(file)) return undefined;
  try {
    // startService writes exactly this type.
    const running = JSON.parse(readFileSync(file, "utf8")) as Running;
    return isAlive(running) ? running : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(running: Running): boolean {
  return startTime(running.pid) === running.startTime;
}

/** Servers lead their own process group, so that what they started ends with them. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It ended in the meantime.
  }
}
