/**
 * Rehearses a whole life of a release on a platform of its own: `node commands/rehearse/cli.ts [--json]`.
 *
 * Prints a table of all steps, and exits with 0 only when every one of them went as it must. The platform is stopped at the end; its data
 * stays for the next time.
 */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { environment } from "../../platform/environment.ts";
import { storageFolder } from "../../platform/ghcr/servers.ts";
import { requireSpace } from "../../platform/machine/disk.ts";
import { withLock } from "../../platform/machine/lock.ts";
import { isRoot } from "../../platform/machine/root.ts";
import { table } from "../../platform/report/table.ts";
import {
  PlatformError,
  type PlatformSettings,
  project,
  readPlatformSettings,
} from "../../platform/settings.ts";
import { provideReleaseTools } from "../../platform/tools/release-tools.ts";
import { type Outcome, attempt } from "./live.ts";
import { ownPlatform } from "./own-platform.ts";

const declared = { json: { type: "boolean", default: false } } as const;

async function main(): Promise<number> {
  const { json } = readOptions(declared);
  if (!isRoot()) {
    throw new PlatformError(
      "make rehearse starts containers by hand, which needs a shell of root's, in a checkout of its own",
    );
  }
  Object.assign(process.env, ownPlatform());
  const settings = readPlatformSettings(process.env, "TINYOLLY_REHEARSAL_STATE");
  requireSpace(settings);
  const outcomes = await withLock(join(settings.state, "stage"), "make rehearse", async () => {
    clear(settings);
    const platform = await attempt("platform", () => platformCommand("up"));
    const tools = await provideReleaseTools(settings.cache, (line) => {
      process.stderr.write(`${line}\n`);
    });
    const own = environment(settings);
    const env = { ...process.env, ...own, PATH: `${tools}:${own["PATH"] ?? ""}` };
    const lived = platform.passed ? live(join(settings.state, "stage"), env) : [];
    await attempt("end", () => platformCommand("down"));
    return [platform, ...lived];
  });
  process.stdout.write(
    json ? `${JSON.stringify(outcomes, undefined, 2)}\n` : `\n${outcomesTable(outcomes)}`,
  );
  return outcomes.every(({ passed }) => passed) ? 0 : 1;
}

/** Deletes what an earlier rehearsal has published, which the next one would take as it is. */
function clear(settings: PlatformSettings): void {
  platformCommand("down");
  for (const name of ["registry", "airgap"] as const)
    rmSync(storageFolder(settings, name), { recursive: true, force: true });
}

function platformCommand(command: "up" | "down"): string {
  const args = ["platform/cli.ts", command];
  const run = spawnSync(process.execPath, args, { cwd: project, stdio: ["ignore", 2, 2] });
  if (run.status !== 0) throw new Error(`the platform could not be brought ${command}`);
  return "registry like GHCR, builder, cluster, Argo CD";
}

function live(folder: string, env: NodeJS.ProcessEnv): Outcome[] {
  const args = ["commands/rehearse/live.ts", folder];
  const run = spawnSync(process.execPath, args, {
    cwd: project,
    env,
    stdio: ["ignore", "pipe", 2],
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const lines = run.stdout.split("\n").filter((line) => line !== "");
  // It prints exactly this type.
  const outcomes = lines.map((line) => JSON.parse(line) as Outcome);
  const ended = outcomes.at(-1)?.passed !== false && run.status !== 0;
  const note = `commands/rehearse/live.ts ended with ${run.signal ?? String(run.status)}`;
  return ended ? [...outcomes, { step: "?", seconds: 0, passed: false, note }] : outcomes;
}

function outcomesTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ step, seconds, passed, note }) => [
    step,
    seconds.toFixed(1),
    passed ? "ok" : "FAILED",
    note.split("\n")[0] ?? "",
  ]);
  const failed = outcomes.filter(({ passed }) => !passed).map(({ note }) => `\n${note}\n`);
  return `${table(["step", "seconds", "", ""], rows)}${failed.join("")}`;
}

runMain("rehearse", main);
