/**
 * Follows the sources, and after each save explains what changes and brings the stack up to date:
 * `node commands/watch/cli.ts [--stack local] [--platform]`.
 *
 * Ctrl-C ends it with 0, once a running `up` is cancelled. Exits with 1 for options that it does not know.
 */
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import type { Deliverables } from "../../delivery/plan/plan.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { baseLockFile } from "../../delivery/sources/base-lock.ts";
import { enterStack } from "../../platform/environment.ts";
import { failedBuilds } from "../../platform/report/build-log.ts";
import { upArgs } from "../../platform/pulumi/update.ts";
import { upProgress } from "../../platform/report/up-progress.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { Foreground } from "./foreground.ts";
import { runRound } from "./round.ts";
import { Rounds } from "./rounds.ts";
import { SourceWatcher } from "./source-watcher.ts";
import { Sources, sourcesOf } from "./sources.ts";

const declared = {
  stack: { type: "string", default: "local" },
  platform: { type: "boolean", default: false },
} as const;

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

async function main(): Promise<number> {
  const { stack, platform } = readOptions(declared);
  if (platform) enterStack(stack);
  const foreground = new Foreground();
  const configuration = configurationFiles(stack, platform);
  let sources = new Sources([], configuration);
  let announced: number | undefined;

  const rounds = new Rounds(async () => {
    sources = (await readSources(stack, configuration)) ?? sources;
    // Before anything is read, so that no change falls between.
    watcher.follow(sources);
    await runRound({
      // In a process of its own, since modules are loaded once and the program itself may have changed.
      explain: () =>
        foreground.run(process.execPath, explainArgs(stack, platform), { capture: true }),
      up: async () => {
        const started = Date.now();
        const progress = upProgress();
        const take = (printed: string): void => {
          progress.take(printed);
        };
        const { status } = await foreground.run("pulumi", [...upArgs(stack), "--json"], { take });
        progress.end();
        const embedded = platform && process.env["PLATFORM"] !== "kind";
        if (status !== 0 && embedded && !rounds.stopped) showFailedBuilds(started);
        return status;
      },
      print,
      stopped: () => rounds.stopped,
    });
    const { length } = sources.folders;
    if (length !== announced && !rounds.stopped) print(`watching ${length} folders; Ctrl-C ends\n`);
    announced = length;
  });
  const watcher = new SourceWatcher({
    onChange: () => {
      rounds.changed();
    },
    warn: log,
  });

  const end = (): void => {
    rounds.stop();
    if (foreground.interrupt() === "SIGKILL")
      log(`killed; pulumi cancel --stack ${stack} removes the lock that an up may have left`);
  };
  for (const signal of endingSignals) process.on(signal, end);
  try {
    await rounds.run();
  } finally {
    watcher.close();
    for (const signal of endingSignals) process.off(signal, end);
  }
  return 0;
}

function showFailedBuilds(started: number): void {
  for (const { image, end } of failedBuilds(readPlatformSettings(), started))
    log(`image ${image} failed to build; the end of its log:\n${end}\n`);
}

function explainArgs(stack: string, platform: boolean): string[] {
  const args = [...process.execArgv, "commands/explain/cli.ts", "--stack", stack, "--exit-code"];
  return platform ? [...args, "--platform"] : args;
}

/** With a platform, the file that PULUMI_OPTION_CONFIG_FILE names is made of the stack's own with every explanation. */
function configurationFiles(stack: string, platform: boolean): string[] {
  const other = platform ? undefined : process.env["PULUMI_OPTION_CONFIG_FILE"];
  return [
    "deliverables.ts",
    "package.json",
    "Pulumi.yaml",
    `Pulumi.${stack}.yaml`,
    ...(other === undefined ? [] : [other]),
  ];
}

/** Undefined where deliverables.ts or the configuration is wrong: the explanation says how. */
async function readSources(
  stack: string,
  configuration: readonly string[],
): Promise<Sources | undefined> {
  try {
    const setting = readStackConfiguration(stack)["tinyolly:baseLock"] ?? "";
    const baseLock = baseLockFile(setting, process.env);
    return sourcesOf(await loadDeliverables(), [...configuration, baseLock]);
  } catch {
    return undefined;
  }
}

/** Deliverables as the file has them now; a module is loaded once otherwise. */
async function loadDeliverables(): Promise<Deliverables> {
  const file = new URL("../../deliverables.ts", import.meta.url);
  file.searchParams.set("loaded", String(Date.now()));
  // What deliverables.ts exports.
  return ((await import(file.href)) as { deliverables: Deliverables }).deliverables;
}

function print(text: string): void {
  process.stdout.write(text);
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

runMain("watch", main);
