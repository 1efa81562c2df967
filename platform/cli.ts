/** The platform's commands, as the Makefile calls them: `node platform/cli.ts up|down|status|reset|env|deploy|open|logs|doctor|preview|destroy|end`. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { runMain } from "../delivery/basics/command-line.ts";
import { readTimings, timingsVariable } from "../delivery/basics/timings.ts";
import { variable } from "../delivery/basics/variable.ts";
import { readPlan } from "../delivery/plan/saved-plan.ts";
import { examine, showChecks } from "./doctor.ts";
import { platformDown, platformReset } from "./end.ts";
import { enterStack, stackEnvironment } from "./environment.ts";
import { crashText, unseenCrashes } from "./machine/crashes.ts";
import { requireSpace } from "./machine/disk.ts";
import { withLock } from "./machine/lock.ts";
import { isFree } from "./machine/port-holder.ts";
import { requireUser } from "./machine/root.ts";
import { awaitRollouts } from "./pulumi/rollouts.ts";
import { printVariables, stackOf } from "./pulumi/shell.ts";
import {
  type StackPlatform,
  destroyStack,
  previewStack,
  recover,
} from "./pulumi/stack-commands.ts";
import { endStack, hasResources } from "./pulumi/stack-end.ts";
import { runUp } from "./pulumi/update.ts";
import { breakdown } from "./report/breakdown.ts";
import { buildTimes, failedBuilds } from "./report/build-log.ts";
import { readDeployment, deploymentTable } from "./report/deployment.ts";
import { forecastBasis, reportBuilds } from "./report/forecast.ts";
import { say as log } from "./report/live.ts";
import { formatBytes, table } from "./report/table.ts";
import {
  PlatformError,
  type PlatformSettings,
  localStack,
  readPlatformSettings,
} from "./settings.ts";
import { platformStatus } from "./status.ts";
import { enterSigner } from "./tools/release-tools.ts";
import { platformUp } from "./up.ts";
import { openPage } from "./web-page.ts";
import { showLogs } from "./workload-logs.ts";

const commands: Readonly<
  Record<string, (settings: PlatformSettings, json: boolean) => Promise<number>>
> = {
  up,
  down: async (settings) => {
    await platformDown(settings, log);
    return 0;
  },
  reset: async (settings) => {
    await platformReset(settings, log);
    return 0;
  },
  status,
  env: async () => {
    const stack = stackOf(process.argv);
    // The shell may still have the variables of another stack.
    await enterSigner(stack, { ...process.env, ...stackEnvironment(stack) });
    printVariables(stackEnvironment(stack));
    return 0;
  },
  deploy,
  open: async (settings) => {
    const services = await platformStatus(settings);
    if (services.every(({ pid }) => pid === undefined))
      throw new PlatformError("the platform does not run; start it with make up");
    openPage(`http://127.0.0.1:${settings.ports.ui}`);
    return 0;
  },
  logs: (settings) => {
    enterStack(localStack);
    return showLogs(settings, process.argv.slice(3));
  },
  doctor,
  preview: (settings) => previewStack(stackOf(process.argv), stackPlatform(settings)),
  destroy: (settings) => destroyStack(stackPlatform(settings)),
  end: (settings) =>
    endStack(settings, {
      destroy: async () => {
        // Without it, the servers can be stopped all the same.
        if (hasResources(settings)) requireSpace(settings);
        return destroyStack(stackPlatform(settings));
      },
      stop: (say) => platformDown(settings, say),
      log,
    }),
};

/** What users type for the commands that change the platform: one at a time. */
const changing: Readonly<Record<string, string>> = {
  up: "make platform-up",
  down: "make platform-down",
  reset: "make platform-reset",
  deploy: "make up",
  preview: "make preview",
  destroy: "make down",
  end: "make down",
};

/** Those that start it. */
const starting: ReadonlySet<string> = new Set(["up", "deploy", "preview", "destroy"]);

async function up(settings: PlatformSettings): Promise<number> {
  const plugins = await platformUp(settings, log);
  const names = plugins.map(({ plugin, origin }) => `${plugin.name} ${plugin.version} (${origin})`);
  log(`platform is up; Pulumi plugins: ${names.join(", ")}`);
  return 0;
}

async function status(settings: PlatformSettings, json: boolean): Promise<number> {
  const services = await platformStatus(settings);
  if (json) {
    process.stdout.write(`${JSON.stringify(services, undefined, 2)}\n`);
  } else {
    const rows = services.map(({ name, pid, address, health, memory }) => [
      name,
      pid === undefined ? "-" : String(pid),
      address,
      health,
      pid === undefined ? "-" : formatBytes(memory),
    ]);
    process.stdout.write(table(["service", "pid", "address", "health", "memory"], rows));
    const total = services.reduce((sum, { memory }) => sum + memory, 0);
    process.stdout.write(`${formatBytes(total)} in all\n`);
    for (const { name, crash, log: file } of services)
      if (crash) process.stdout.write(`${crashText(name, crash, file)}\n`);
    if (services.some(({ pid }) => pid === undefined))
      process.stdout.write("make platform-up starts what does not run\n");
  }
  return services.every(({ health }) => health === "ready") ? 0 : 1;
}

/** Says what there is and what is missing; exits with 1 where something keeps the platform from working. */
async function doctor(settings: PlatformSettings, json: boolean): Promise<number> {
  return showChecks(await examine(settings), json);
}

/** This platform, as Pulumi's commands need it. */
function stackPlatform(settings: PlatformSettings): StackPlatform {
  return { settings, up: () => up(settings), log };
}

async function deploy(settings: PlatformSettings): Promise<number> {
  // A first start takes long, and the program would only then say that it is not there.
  const plan = variable(process.env, "TINYOLLY_PLAN");
  if (plan !== undefined) readPlan(plan);
  await up(settings);
  recover({ settings, log });
  const before = await readDeployment(settings);
  const basis = forecastBasis(settings);
  const timings = join(settings.state, "timings");
  rmSync(timings, { force: true });
  process.env[timingsVariable] = timings;
  const start = Date.now();
  const status = await runUp(log);
  const end = Date.now();
  if (status !== 0) {
    for (const { image, end: logEnd } of failedBuilds(settings, start)) {
      log(`image ${image} failed to build; the end of its log:\n${logEnd}\n`);
    }
    log(
      isDeepStrictEqual(before, await readDeployment(settings)) &&
        buildTimes(settings, start).length === 0
        ? "Nothing was published or applied."
        : "What was published before the failure is kept; mend the cause and run make up again.",
    );
    return status;
  }
  if (!(await awaitRollouts(localStack))) return 1;
  const builds = buildTimes(settings, start);
  const noted = readTimings(timings);
  const times = { start, end, builds, timings: noted };
  process.stdout.write(`\n${breakdown(times)}`);
  const nothing = { table: "", built: new Set<string>(), cached: new Set<string>() };
  const report = builds.length === 0 ? nothing : await reportBuilds(settings, basis, start);
  const done = { ...report, packaged: noted.some(({ phase }) => phase === "package") };
  process.stdout.write(report.table);
  process.stdout.write(deploymentTable(await readDeployment(settings), before, done));
  const { ui, otlp, otlpHttp } = settings.ports;
  process.stdout.write(`\nThe web UI is http://127.0.0.1:${ui}\n`);
  const [grpc, http] = [otlp, otlpHttp].map((port) => `http://127.0.0.1:${port}`);
  process.stdout.write(`OTLP for telemetry of your own: gRPC at ${grpc}, HTTP at ${http}\n`);
  if (await isFree(otlpHttp))
    log(
      `Port ${otlpHttp} is not open, since an earlier version started this platform; make platform-down, then make up opens it.`,
    );
  return 0;
}

/** A server that crashes in the middle makes something else fail, which does not tell. */
async function namingCrashes(
  { state }: PlatformSettings,
  body: () => Promise<number>,
): Promise<number> {
  const name = (): void => {
    for (const crash of unseenCrashes(state)) log(`${crash}; the next make up starts it again`);
  };
  let status: number;
  try {
    status = await body();
  } catch (error) {
    name();
    throw error;
  }
  if (status !== 0) name();
  return status;
}

async function main(): Promise<number> {
  const [name = "", ...flags] = process.argv.slice(2);
  const command = commands[name];
  if (!command)
    throw new PlatformError(
      `"${name}" is not a command; there are ${Object.keys(commands).join(", ")}`,
    );
  requireUser();
  const settings = readPlatformSettings();
  if (starting.has(name)) requireSpace(settings);
  const body = (): Promise<number> => command(settings, flags.includes("--json"));
  const typed = changing[name];
  if (typed === undefined) return body();
  return withLock(settings.state, typed, () => namingCrashes(settings, body));
}

runMain("platform", main);
