import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { deliverables } from "../deliverables.ts";
import type { ImageDeliverable } from "../delivery/plan/plan.ts";
import { readPlatformSettings } from "../platform/settings.ts";
import { platformTools, raceDetector, releaseTools } from "../platform/tools/catalog.ts";
import { provideTools } from "../platform/tools/provide.ts";
import type { Print, Programs } from "./programs.ts";
import { type Result, goResult, vitestResult } from "./results.ts";
import type { Use } from "./schedule.ts";
import type { TestPlatform } from "./test-platform.ts";
import type { TestRun } from "./test-run.ts";

const project = resolve(import.meta.dirname, "..");

/** Tests that are run, counted and timed together. */
export interface Suite {
  readonly name: string;
  readonly uses: Use;
  readonly run: (print: Print) => Promise<Result>;
}

/** End-to-end suites, and what each of them needs for itself. */
const endToEnd: Readonly<Record<string, Use>> = {
  delivery: "stack",
  objects: "stack",
  steps: "platform",
  builds: "stack",
  cluster: "stack",
  telemetry: "stack",
  releases: "stack",
  rollouts: "stack",
  truth: "stack",
  kills: "stack",
  builders: "platform",
  "release-failures": "platform",
  credentials: "platform",
  examples: "platform",
  gc: "tools",
  user: "tools",
  rehearsal: "alone",
  outages: "alone",
  failures: "alone",
  servers: "alone",
  down: "alone",
  kind: "platform",
};

/** Suites that run only where they are named: what they need takes minutes, or compiles for long. */
export const namedOnly: readonly string[] = ["end to end: kind"];

/** All suites of `make test`. */
export function suitesOf(run: TestRun, programs: Programs): Suite[] {
  const vitest = (suite: string, env: () => NodeJS.ProcessEnv, ...files: string[]) => {
    return async (print: Print): Promise<Result> => {
      const report = join(run.folder("report"), `${suite}.json`);
      const reporters = ["default", "json"].map((name) => `--reporter=${name}`);
      const args = ["run", "--project", suite, ...reporters, `--outputFile.json=${report}`];
      const command = "node_modules/.bin/vitest";
      const status = await programs.run(command, [...args, ...files], project, env(), print);
      return vitestResult(read(report), status);
    };
  };
  const goTest = (module: string) => async (print: Print) => {
    await provideTools([raceDetector], readPlatformSettings().cache, print);
    let output = "";
    // A newer Go is fetched where the module asks for it.
    const env = { ...run.basics, CGO_ENABLED: "1", GOTOOLCHAIN: "auto" };
    const args = ["test", "-race", "-v", "./..."];
    const status = await programs.run("go", args, join(project, module), env, (text) => {
      output += text;
    });
    if (status !== 0) print(output);
    return goResult(output, status);
  };
  return [
    { name: "program", uses: "nothing", run: vitest("unit*", () => run.basics) },
    {
      name: "commands",
      uses: "nothing",
      run: async (print) => {
        // Some of these tests sign for real.
        const registry = platformTools.filter(({ name }) => name === "registry");
        await provideTools([...registry, ...releaseTools], readPlatformSettings().cache, print);
        return vitest("commands", () => run.basics)(print);
      },
    },
    { name: "node", uses: "nothing", run: goTest("platform/cluster/node") },
    { name: "stand-ins", uses: "nothing", run: goTest("platform/pulumi/stand-ins") },
    // Its image's base has no compiler of C, which the race detector is linked by.
    { name: "opamp-server races", uses: "nothing", run: goTest("apps/opamp-server") },
    { name: "contract", uses: "platform", run: vitest("contract", () => run.main.served) },
    ...Object.entries(deliverables.images).map(([name, image]): Suite => ({
      name: image.path,
      uses: "platform",
      run: (print) => appTests(name, image, run, programs, print),
    })),
    ...Object.entries(endToEnd).map(([name, uses]): Suite => ({
      name: `end to end: ${name}`,
      uses,
      run: vitest("e2e", () => platformOf(uses, run).served, `test/e2e/${name}.test.ts`),
    })),
  ];
}

/** The platform on which a suite runs. */
export function platformOf(uses: Use, run: TestRun): TestPlatform {
  return uses === "alone" ? run.spare : run.main;
}

/** Starts what of a platform does not run. Resolves to one failure where it cannot. */
export async function startPlatform(
  { checkout, chosen }: TestPlatform,
  programs: Programs,
  print: Print,
): Promise<Result> {
  const args = ["platform/cli.ts", "up"];
  let end = "";
  const status = await programs.run("node", args, checkout, chosen, (text) => {
    print(text);
    end = `${end}${text}`.slice(-2000);
  });
  if (status === 0) return { passed: 1, failed: 0, failures: [] };
  return { passed: 0, failed: 1, failures: [`the platform cannot start:\n${end.trim()}`] };
}

/** The text of a report; that of a suite without tests where there is none. */
function read(report: string): string {
  try {
    return readFileSync(report, "utf8");
  } catch {
    return '{"numPassedTests":0,"numFailedTests":0,"success":false,"testResults":[]}';
  }
}

/** Runs the `test` stage of an image's Dockerfile, on the image's own base. */
async function appTests(
  name: string,
  { path, needs = [] }: ImageDeliverable,
  run: TestRun,
  programs: Programs,
  print: Print,
): Promise<Result> {
  const images: Readonly<Record<string, ImageDeliverable>> = deliverables.images;
  const { checkout, chosen, served } = run.main;
  const { ports } = readPlatformSettings(chosen);
  const build = async (folder: string, ...flags: string[]) => {
    const context = join(run.sources, folder);
    let log = "";
    const args = [
      `--addr=unix://${join(checkout, ".tinyolly/platform/buildkitd.sock")}`,
      ...["build", "--progress=plain", "--frontend=dockerfile.v0"],
      ...[`--local=context=${context}`, `--local=dockerfile=${context}`],
      ...flags,
    ];
    const status = await programs.run("buildctl", args, project, served, (text) => {
      log += text;
    });
    if (status !== 0) print(log.split("\n").slice(-60).join("\n"));
    return { status, log: log.replaceAll(/\u001b\[[0-9;]*m/g, "") };
  };
  const contexts: string[] = [];
  for (const need of needs) {
    const image = `localhost:${ports.registry}/test/${need}:latest`;
    const output = `--output=type=image,name=${image},push=true,registry.insecure=true`;
    await build(images[need]?.path ?? need, output);
    contexts.push(`--opt=context:${need}=docker-image://${image}`);
  }
  // Counts come from the log, which a cached stage does not have.
  const { status, log } = await build(
    path,
    "--opt=target=test",
    "--opt=no-cache=test",
    ...contexts,
  );
  const goTests = log.split("\n").filter((line) => line.includes("--- PASS")).length;
  const summaries = [...log.matchAll(/(\d+) passed/g)].map(([, number]) => Number(number));
  const counted = Math.max(goTests, ...summaries);
  print(`${counted} tests of ${name} passed\n`);
  return { passed: counted, failed: status === 0 && counted > 0 ? 0 : 1, failures: [] };
}
