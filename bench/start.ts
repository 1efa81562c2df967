/**
 * Times a first start with empty caches, folders and ports of its own, beside what runs: `make bench-start`. It starts the
 * last commit, and removes what it has made. With --json it prints what it has measured for machines.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runMain } from "../delivery/basics/command-line.ts";
import { formatBytes, table } from "../platform/report/table.ts";
import { project } from "../platform/settings.ts";
import { type Command, allowCommands, endCommandsOnSignals, run } from "./command.ts";
import { readyPart } from "./ready-part.ts";

/** Ports that neither the platform of a checkout nor that of tests has. */
const portOffset = 1500;

/** What a first start took. */
export interface FirstStart {
  /** Seconds from the command to the UI's address. */
  readonly seconds: number;
  /** Seconds of processor time of this whole machine meanwhile. */
  readonly processorSeconds: number;
  /** Bytes on the disk at the most. */
  readonly peakBytes: number;
  /** Bytes on the disk when it was up. */
  readonly finalBytes: number;
  /** What became ready, and seconds from the command to then. */
  readonly parts: readonly { readonly name: string; readonly at: number }[];
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
  endCommandsOnSignals();
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-start-"));
  const tree = join(folder, "tree");
  const env = {
    ...process.env,
    TINYOLLY_CACHE: join(folder, "cache"),
    TINYOLLY_PORT_OFFSET: String(portOffset),
    npm_config_cache: join(folder, "npm"),
  };
  try {
    await run({ program: "git", args: ["clone", "--quiet", project, tree], cwd: folder, env });
    const measured = await measure({ program: "make", args: ["up"], cwd: tree, env });
    process.stdout.write(
      values.json ? `${JSON.stringify(measured, undefined, 2)}\n` : report(measured),
    );
    return 0;
  } finally {
    allowCommands();
    if (existsSync(tree)) await run({ program: "make", args: ["platform-reset"], cwd: tree, env });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(start: Command): Promise<FirstStart> {
  const free = freeBytes(start.cwd);
  const processor = processorSeconds();
  const started = Date.now();
  let peakBytes = 0;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, free - freeBytes(start.cwd));
  }, 1000);
  const parts: FirstStart["parts"][number][] = [];
  const onLine = (line: string): void => {
    process.stderr.write(`${line}\n`);
    const name = readyPart(line);
    if (name !== undefined) parts.push({ name, at: Math.round((Date.now() - started) / 100) / 10 });
  };
  try {
    const { seconds } = await run({ ...start, onLine });
    return {
      seconds: Math.round(seconds * 10) / 10,
      processorSeconds: Math.round(processorSeconds() - processor),
      peakBytes,
      finalBytes: free - freeBytes(start.cwd),
      parts,
    };
  } finally {
    clearInterval(sampler);
  }
}

function report({ parts, seconds, processorSeconds: processor, ...bytes }: FirstStart): string {
  const rows = [...parts, { name: "UI", at: seconds }];
  const width = seconds.toFixed(1).length;
  return [
    table(
      ["ready", "seconds"],
      rows.map(({ name, at }) => [name, at.toFixed(1).padStart(width)]),
    ),
    `\n${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s, ${(processor / 60).toFixed(1)} min of processor time, `,
    `${formatBytes(bytes.peakBytes)} of disk at the most, ${formatBytes(bytes.finalBytes)} in the end\n`,
  ].join("");
}

function freeBytes(folder: string): number {
  const { bfree, bsize } = statfsSync(folder);
  return bfree * bsize;
}

/** Seconds that the processors of this machine have worked: time of users and of the system, as the kernel counts it. */
function processorSeconds(): number {
  const [, ...ticks] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").split(/ +/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = ticks.map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

runMain("bench-start", main);
