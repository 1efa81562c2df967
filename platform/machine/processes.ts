import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PlatformError } from "../settings.ts";
import { isFree, portHolder } from "./port-holder.ts";
import { type Command, asRoot, isRoot, rootServers } from "./root.ts";
import { groupMembers, isOfEarlierBoot, processes, startTime } from "./start-time.ts";

/** A server that the platform runs in the background. */
export interface Service {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens, for messages. */
  readonly address: string;
  /** Ports of 127.0.0.1 on which it listens. @default - none */
  readonly ports?: readonly number[];
  /** Whether it does its job; asked until it does. Errors count as not yet. */
  readonly ready: () => Promise<boolean>;
  /** Seconds to become ready. */
  readonly patience: number;
}

/** What is on record of a server from its start to its stop: pids are used again, so its start time goes with it. */
interface Running {
  readonly pid: number;
  readonly startTime: string;
  /** How it ended, where somebody saw it. */
  readonly exit?: string;
}

/** A server that ended although nobody stopped it. */
export interface Crash {
  /** Such as `exit code 1`; undefined where nobody saw it. */
  readonly exit: string | undefined;
  /** When it wrote its last line. */
  readonly lastLine: Date | undefined;
}

/** A server that was just started. */
interface Launched extends Running {
  /** Resolves to how it ended; to undefined for root's, who are nobody's children. */
  readonly end: Promise<string | undefined>;
  /** Bytes that its log had before. */
  readonly logStart: number;
}

type Log = (line: string) => void;

/** What stays of a connection is in the way for another minute. */
const connectionPatienceMs = 90_000;

/** A port that is lost to a connection between the last look and the server's start. */
const mostTries = 3;

/**
 * Starts a service unless it runs already, and waits until it is ready. Where a connection sits on its port, it waits for the end of
 * that as well, and says so.
 *
 * @returns whether it had to be started.
 * @throws PlatformError with the end of its log when it does not become ready, or with who has its address.
 */
export async function startService(
  state: string,
  service: Service,
  log: Log = () => undefined,
): Promise<boolean> {
  const { name, ports = [] } = service;
  const running = readRunning(state, name);
  if (running) {
    if (!(await becomesReady(state, service, running))) throw endError(state, service, undefined);
    return false;
  }
  // What a crashed server has started may still have its port.
  await stopService(state, name);
  if (ports.length === 0 && (await service.ready().catch(() => false)))
    throw takenError(`something else answers on ${service.address} already`);
  for (let tries = 1; ; tries++) {
    for (const port of ports) await awaitPort(port, name, log);
    const launched = await launch(state, service);
    if (await becomesReady(state, service, launched)) return true;
    const exit = await launched.end;
    const { pid, startTime: started } = launched;
    note(state, name, { pid, startTime: started, ...(exit === undefined ? {} : { exit }) });
    if (tries === mostTries || !(await lostPort(state, service, launched.logStart)))
      throw endError(state, service, exit);
  }
}

/**
 * Ends a service and what it started; nothing happens when it does not run. Also ends what a service that crashed has left. Returns
 * whether there was anything.
 */
export async function stopService(state: string, name: string): Promise<boolean> {
  const record = readRecord(state, name);
  const members = (): number[] => (record ? membersOf(record) : []);
  const found = members().length > 0;
  if (record && found) {
    signal(name, record.pid, "SIGTERM");
    for (let i = 0; i < 100 && members().length > 0; i++) await sleep(100);
    if (members().length > 0) signal(name, record.pid, "SIGKILL");
    for (let i = 0; i < 50 && members().length > 0; i++) await sleep(100);
  }
  // Only now: a stop that is cut off can be done again. What cannot be killed stays known.
  if (members().length === 0) rmSync(recordFile(state, name), { force: true });
  return found;
}

/** Pid of a service; undefined when it does not run. */
export function servicePid(state: string, name: string): number | undefined {
  return readRunning(state, name)?.pid;
}

/** How a service that was not stopped ended; undefined when it runs, or was stopped, by whomever or with the machine. */
export function serviceCrash(state: string, name: string): Crash | undefined {
  const record = readRecord(state, name);
  if (!record || isAlive(record) || isOfEarlierBoot(record.startTime)) return undefined;
  const file = logFile(state, name);
  const lastLine = existsSync(file) ? statSync(file).mtime : undefined;
  return { exit: record.exit, lastLine };
}

/** Names of services that were started and not stopped. */
export function knownServices(state: string): string[] {
  const folder = join(state, "pids");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.replace(/\.json$/, ""));
}

/**
 * Memory in bytes of a process and all that it started, in which pages that several processes share count once; 0 when
 * it is gone.
 */
export function memoryBytes(pid: number): number {
  const children = new Map<number, number[]>();
  for (const { pid: child, fields } of processes()) {
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), child]);
  }
  const sum = (one: number): number =>
    (children.get(one) ?? []).reduce((total, child) => total + sum(child), ownBytes(one));
  return sum(pid);
}

function ownBytes(pid: number): number {
  const kibibytes =
    valueOf(`/proc/${pid}/smaps_rollup`, /^Pss:\s+(\d+) kB$/m) ??
    // All that others than root learn of root's.
    valueOf(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m);
  return Number(kibibytes ?? 0) * 1024;
}

function valueOf(file: string, pattern: RegExp): string | undefined {
  try {
    return pattern.exec(readFileSync(file, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

/** File to which a service writes. */
export function logFile(state: string, name: string): string {
  return join(state, "logs", `${name}.log`);
}

/**
 * Waits until nobody has a port, where a connection has it.
 *
 * @throws PlatformError with who has it, where a server does, and where it takes too long.
 */
async function awaitPort(port: number, name: string, log: Log): Promise<void> {
  const deadline = Date.now() + connectionPatienceMs;
  for (let told = false; !(await isFree(port));) {
    const holder = portHolder(port);
    if (holder?.listens === true || Date.now() > deadline)
      throw takenError(`port ${port} of ${name} is taken by ${holder?.name ?? "somebody"}`);
    if (!told && holder) {
      log(`port ${port} of ${name} is taken by ${holder.name}; trying again until it ends`);
      told = true;
    }
    await sleep(200);
  }
}

function takenError(what: string): PlatformError {
  return new PlatformError(
    `${what}, perhaps of the platform of another checkout; end it there with make platform-down, or give this one other ports ` +
      `(TINYOLLY_PORT_OFFSET=100 and so on, see docs/platform.md)`,
  );
}

/** Whether a service that ended had lost its port since it was free. */
async function lostPort(
  state: string,
  { name, ports = [] }: Service,
  logStart: number,
): Promise<boolean> {
  for (const port of ports) if (!(await isFree(port))) return true;
  return /address already in use|EADDRINUSE/i.test(readLog(state, name, logStart));
}

/**
 * Starts a server in a process group of its own, so that what it starts ends with it. The shell waits for a word before it becomes the
 * server, and that comes when the pid is on record; where this process is killed before, the shell ends. So no server ever
 * runs that is not on record.
 */
async function launch(state: string, service: Service): Promise<Launched> {
  const { name, env } = service;
  mkdirSync(join(state, "logs"), { recursive: true });
  mkdirSync(join(state, "pids"), { recursive: true });
  const file = logFile(state, name);
  const logStart = existsSync(file) ? statSync(file).size : 0;
  const byRoot = isRoots(name);
  const log = openSync(file, "a");
  const [program, ...args] = byRoot ? rootShell(service) : shell(service);
  const child = spawn(program, args, {
    // In another session sudo would not know the password of the terminal's.
    detached: !byRoot,
    stdio: ["pipe", byRoot ? "pipe" : log, log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const end = new Promise<string | undefined>((resolve) => {
    child.once("exit", (code, killedBy) => {
      resolve(byRoot ? undefined : (killedBy ?? `exit code ${code ?? ""}`));
    });
  });
  const started = await pidOf(child, name);
  const pid = byRoot ? await toldPid(state, name, child) : started;
  const launched = { pid, startTime: startTime(pid) ?? "" };
  note(state, name, launched);
  // It may be killed before it reads.
  child.stdin?.on("error", () => undefined);
  // Of root's, a line for the server and one for the shell that waits beside it.
  child.stdin?.end(byRoot ? "\n\n" : "\n");
  child.unref();
  return { ...launched, end, logStart };
}

function shell({ name, command }: Service): Command {
  return ["sh", "-c", 'read -r _ && exec "$@" < /dev/null', name, ...command];
}

/**
 * The same as root. It says its pid when it has a session, out of which sudo ends nothing. Sudo ends once it has read a line itself:
 * Node would close the pipe as soon as it is gone, and the server would never read its own.
 */
function rootShell({ name, command, env }: Service): Command {
  const within = 'echo $$; read -r _ && exec "$@" < /dev/null >&2';
  const script = 'setsid --fork sh -c "$@" | head -n 1; read -r _';
  return asRoot(["sh", "-c", script, "sh", within, name, ...command], Object.keys(env ?? {}));
}

function pidOf(child: ChildProcess, name: string): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    child.once("spawn", () => {
      resolve(child.pid ?? 0);
    });
    child.once("error", (error) => {
      reject(new PlatformError(`${name} cannot be started: ${error.message}`));
    });
  });
}

/** Pid that the shell of {@link rootShell} says. */
function toldPid(state: string, name: string, { stdout }: ChildProcess): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    let told = "";
    stdout?.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      if (told.endsWith("\n")) resolve(Number(told));
    });
    stdout?.once("end", () => {
      reject(new PlatformError(`${name} cannot be started as root:\n${logEnd(state, name)}`));
    });
  });
}

/** Whether a service becomes ready before it ends. */
async function becomesReady(state: string, service: Service, running: Running): Promise<boolean> {
  const deadline = Date.now() + service.patience * 1000;
  for (let pause = 20; Date.now() < deadline; pause = Math.min(pause * 1.5, 250)) {
    const ready = await service.ready().catch(() => false);
    // Another server may have answered in its place.
    if (!isAlive(running)) return false;
    if (ready) return true;
    await sleep(pause);
  }
  throw new PlatformError(
    `${service.name} was not ready on ${service.address} within ${service.patience} s:\n${logEnd(state, service.name)}`,
  );
}

function endError(state: string, service: Service, exit: string | undefined): PlatformError {
  const how = exit === undefined ? "" : ` (${exit})`;
  return new PlatformError(
    `${service.name} ended${how} instead of listening on ${service.address}:\n${logEnd(state, service.name)}`,
  );
}

function logEnd(state: string, name: string): string {
  const lines = readLog(state, name).trimEnd().split("\n");
  return `${lines.slice(-10).join("\n")}\nThe whole log is ${logFile(state, name)}`;
}

/** What a log has from a byte on. */
function readLog(state: string, name: string, from = 0): string {
  const file = logFile(state, name);
  return existsSync(file) ? readFileSync(file).subarray(from).toString() : "";
}

function recordFile(state: string, name: string): string {
  return join(state, "pids", `${name}.json`);
}

/** Puts a server on record, in one step. */
function note(state: string, name: string, record: Running): void {
  const file = recordFile(state, name);
  writeFileSync(`${file}.draft`, JSON.stringify(record));
  renameSync(`${file}.draft`, file);
}

function readRecord(state: string, name: string): Running | undefined {
  const file = recordFile(state, name);
  if (!existsSync(file)) return undefined;
  try {
    // note() writes exactly this type.
    return JSON.parse(readFileSync(file, "utf8")) as Running;
  } catch {
    return undefined;
  }
}

function readRunning(state: string, name: string): Running | undefined {
  const record = readRecord(state, name);
  return record && isAlive(record) ? record : undefined;
}

function isAlive(running: Running): boolean {
  return startTime(running.pid) === running.startTime;
}

/** Processes of a server's group, whether it still leads them or not. While there is one, the kernel gives its pid to nobody else. */
function membersOf(record: Running): number[] {
  const leader = startTime(record.pid);
  const isReused = leader !== undefined && leader !== record.startTime;
  return isReused || isOfEarlierBoot(record.startTime) ? [] : groupMembers(record.pid);
}

/** Whether a server is root's, and this process is not. */
function isRoots(name: string): boolean {
  return rootServers.has(name) && !isRoot();
}

/** Signals all of a server's group. */
function signal(server: string, group: number, name: NodeJS.Signals): void {
  if (isRoots(server)) {
    const kill = ["sh", "-c", 'kill -s "$0" -- "-$1"', name.slice("SIG".length)] as const;
    const [program, ...args] = asRoot([...kill, String(group)]);
    spawnSync(program, args, { stdio: "ignore" });
    return;
  }
  try {
    process.kill(-group, name);
  } catch {
    // It ended in the meantime.
  }
}
