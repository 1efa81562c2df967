/**
 * The platform's commands for a kind cluster, as the Makefile calls them with PLATFORM=kind:
 * `node platform/kind/cli.ts up|down|status|reset|env|deploy|open|logs|doctor|preview|destroy|end [--json] [--dry-run]`.
 *
 * With --dry-run, up, down and reset do nothing and need nothing: the commands go to standard error, the manifests to
 * standard output.
 */
import { runMain } from "../../delivery/basics/command-line.ts";
import { showChecks } from "../doctor.ts";
import { stackEnvironment } from "../environment.ts";
import { withLock } from "../machine/lock.ts";
import { awaitRollouts } from "../pulumi/rollouts.ts";
import { printVariables, stackOf } from "../pulumi/shell.ts";
import {
  type StackPlatform,
  destroyStack,
  previewStack,
  recover,
} from "../pulumi/stack-commands.ts";
import { endStack } from "../pulumi/stack-end.ts";
import { runUp } from "../pulumi/update.ts";
import { deploymentTable, readDeployment } from "../report/deployment.ts";
import { table } from "../report/table.ts";
import { PlatformError, type PlatformSettings, localStack } from "../settings.ts";
import { openPage } from "../web-page.ts";
import { showLogs } from "../workload-logs.ts";
import { examineKind } from "./doctor.ts";
import { requirePrograms } from "./machine.ts";
import { downSteps, resetSteps, upSteps } from "./plan.ts";
import { kindDown, kindReset, kindStatus, kindUp } from "./platform.ts";
import { shownSecrets } from "./secrets.ts";
import { kindEnvironment, readKindSettings, uiAddress } from "./settings.ts";
import { type Step, commandLines } from "./steps.ts";

interface Subcommand {
  readonly run: (settings: PlatformSettings, json: boolean) => Promise<number> | number;
  /** As users type it, where it changes the platform. @default - it changes nothing */
  readonly changes?: string;
  readonly steps?: (settings: PlatformSettings) => Step[];
}

const subcommands: Readonly<Record<string, Subcommand>> = {
  up: {
    changes: "make platform-up",
    run: up,
    steps: (settings) => upSteps(settings, shownSecrets),
  },
  down: {
    changes: "make platform-down",
    run: async (settings) => {
      await kindDown(settings, log);
      return 0;
    },
    steps: downSteps,
  },
  reset: {
    changes: "make platform-reset",
    run: async (settings) => {
      await kindReset(settings, log);
      return 0;
    },
    steps: resetSteps,
  },
  status: { run: status },
  env: {
    run: () => {
      printVariables(stackEnvironment(stackOf(process.argv)));
      return 0;
    },
  },
  deploy: { changes: "make up", run: deploy },
  open: {
    run: (settings) => {
      if (kindStatus(settings).every(({ health }) => health === "stopped"))
        throw new PlatformError("the platform does not run; start it with PLATFORM=kind make up");
      openPage(uiAddress);
      return 0;
    },
  },
  logs: {
    run: (settings) => {
      requirePrograms(process.env);
      return showLogs(settings, process.argv.slice(3));
    },
  },
  doctor: { run: (settings, json) => showChecks(examineKind(settings), json) },
  preview: {
    changes: "make preview",
    run: (settings) => previewStack(stackOf(process.argv), stackPlatform(settings)),
  },
  destroy: {
    changes: "make down",
    run: (settings) => destroyStack(stackPlatform(settings)),
  },
  end: {
    changes: "make down",
    run: (settings) =>
      endStack(settings, {
        destroy: () => destroyStack(stackPlatform(settings)),
        stop: (say) => kindDown(settings, say),
        log,
      }),
  },
};

async function up(settings: PlatformSettings): Promise<number> {
  await kindUp(settings, log);
  Object.assign(process.env, kindEnvironment(settings));
  return 0;
}

/** This platform, as Pulumi's commands need it. */
function stackPlatform(settings: PlatformSettings): StackPlatform {
  return { settings, up: () => up(settings), log };
}

async function deploy(settings: PlatformSettings): Promise<number> {
  await up(settings);
  recover({ settings, log });
  const before = await readDeployment(settings);
  const status = await runUp(log);
  if (status !== 0) {
    log("What was published before the failure is kept; mend the cause and run make up again.");
    return status;
  }
  if (!(await awaitRollouts(localStack))) return 1;
  process.stdout.write(deploymentTable(await readDeployment(settings), before));
  process.stdout.write(`\nThe web UI is ${uiAddress}\n`);
  return 0;
}

function status(settings: PlatformSettings, json: boolean): number {
  const parts = kindStatus(settings);
  if (json) process.stdout.write(`${JSON.stringify(parts, undefined, 2)}\n`);
  else {
    const rows = parts.map(({ name, address, health }) => [name, address, health]);
    process.stdout.write(table(["service", "address", "health"], rows));
    if (parts.some(({ health }) => health === "stopped"))
      process.stdout.write("PLATFORM=kind make platform-up starts what does not run\n");
  }
  return parts.every(({ health }) => health === "ready") ? 0 : 1;
}

function dryRun(steps: readonly Step[]): void {
  for (const line of commandLines(steps)) log(line);
  for (const { input } of steps) {
    if (input?.file.endsWith(".yaml"))
      process.stdout.write(`---\n# ${input.file}\n${input.text.trimEnd()}\n`);
    else if (input) log(`# ${input.file}\n${input.text.trimEnd()}`);
  }
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<number> {
  const [name = "", ...flags] = process.argv.slice(2);
  const subcommand = subcommands[name];
  if (!subcommand) {
    throw new PlatformError(
      `"${name}" is not a command; there are ${Object.keys(subcommands).join(", ")}`,
    );
  }
  const { changes, run, steps } = subcommand;
  const settings = readKindSettings();
  if (flags.includes("--dry-run")) {
    if (!steps)
      throw new PlatformError(`${name} has no --dry-run; only up, down and reset have one`);
    dryRun(steps(settings));
    return 0;
  }
  const body = async (): Promise<number> => run(settings, flags.includes("--json"));
  return changes === undefined ? body() : withLock(settings.state, changes, body);
}

runMain("platform", main);
