/**
 * Times a first start with empty caches, folders and ports of its own, beside what runs: `make bench-start`. It starts the
 * last commit, and removes what it has made. With --json it prints what it has measured for machines.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { runMain } from "../components/command-line";
import { PlatformError, project } from "../platform/settings";
import { formatBytes, table } from "../platform/report/table";

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
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-start-"));
  const tree = join(folder, "tree");
  const env = {
    ...process.env,
    TINYOLLY_CACHE: join(folder, "cache"),
    TINYOLLY_PORT_OFFSET: String(portOffset),
    npm_config_cache: join(folder, "npm"),
  };
  const make = (target: string) =>
    spawn("make", [target], { cwd: tree, env, stdio: ["ignore", "pipe", "pipe"] });
  try {
    const clone = spawnSync("git", ["clone", "--quiet", project, tree], { encoding: "utf8" });
    if (clone.status !== 0) throw new PlatformError(`git clone failed: ${clone.stderr}`);
    const measured = await measure(folder, () => make("up"));
    process.stdout.write(
      values.json ? `${JSON.stringify(measured, undefined, 2)}\n` : report(measured),
    );
    return 0;
  } finally {
    const reset = make("platform-reset");
    reset.stdout.resume();
    reset.stderr.pipe(process.stderr);
    await once(reset, "close");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(folder: string, start: () => ReturnType<typeof spawn>): Promise<FirstStart> {
  const free = freeBytes(folder);
  const processor = processorSeconds();
  const started = Date.now();
  const seconds = (): number => Math.round((Date.now() - started) / 100) / 10;
  let peakBytes = 0;
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, free - freeBytes(folder));
  }, 1000);
  const parts: FirstStart["parts"][number][] = [];
  const child = start();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface(stream).on("line", (line) => {
      process.stderr.write(`${line}\n`);
      const name = readyPart(line);
      if (name !== undefined) parts.push({ name, at: seconds() });
    });
  }
  const [status] = (await once(child, "close")) as [number | null];
  clearInterval(sampler);
  if (status !== 0) throw new PlatformError("the first start failed, so that nothing was measured");
  return {
    seconds: seconds(),
    processorSeconds: Math.round(processorSeconds() - processor),
    peakBytes,
    finalBytes: free - freeBytes(folder),
    parts,
  };
}

/** What a line of `make up` says is ready; undefined for other lines. */
export function readyPart(line: string): string | undefined {
  return (
    /^\[\d+\/\d+\] (.*?)(?:: ready after| ?: made in)/.exec(line)?.[1] ??
    /^started (\S+) on /.exec(line)?.[1] ??
    /^(platform) is up/.exec(line)?.[1]
  );
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
