/**
 * Runs every suite, on a platform and a checkout of their own, and sums them up: `make test`.
 * The last line is `N passed, N failed`; the exit code is 0 only when nothing failed. Ctrl-C ends the suite that runs, and then the
 * platform.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { runMain } from "../components/command-line";
import type { ImageDeliverable } from "../components/plan";
import { deliverables } from "../deliverables";
import { platformTools, releaseTools } from "../platform/catalog";
import { environment } from "../platform/environment";
import { forgetRegistry } from "../platform/hosts";
import { copyProject } from "../rehearsal/stage";
import { raisedPorts, readPlatformSettings } from "../platform/settings";
import { provideTools } from "../platform/tools";
import { Programs } from "./programs";
import { type Result, goResult, vitestResult } from "./results";

const project = resolve(__dirname, "..");

interface Suite {
  readonly name: string;
  readonly run: () => Promise<Result>;
}

/** Apart from the ports of a platform in use. */
const portOffset = 1100;

const programs = new Programs();

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-test-"));
  const checkout = join(folder, "checkout");
  const ports = testPorts(checkout);
  const env = (): NodeJS.ProcessEnv => ({
    ...ports,
    // What the platform offers once it is up.
    ...environment(readPlatformSettings(ports)),
  });
  copyProject(checkout);

  const suites: Suite[] = [
    { name: "program", run: () => vitest("unit*", folder, process.env) },
    { name: "commands", run: () => commands(folder) },
    { name: "node", run: () => goTest(join(project, "platform/node")) },
    { name: "stand-ins", run: () => goTest(join(project, "platform/stand-ins")) },
    {
      name: "platform",
      run: () =>
        command(
          "node",
          ["--require", "./run-typescript.cjs", "platform/cli.ts", "up"],
          checkout,
          env(),
        ),
    },
    { name: "contract", run: () => vitest("contract", folder, env()) },
    ...Object.entries(deliverables.images).map(([name, image]) => ({
      name: image.path,
      run: () => appTests(name, image, checkout, env()),
    })),
    // In this order: failures are provoked on what was delivered, and nothing runs after the last.
    ...[
      "delivery",
      "cluster",
      "releases",
      "outages",
      "builders",
      "rehearsal",
      "release-failures",
      "credentials",
      "truth",
      "failures",
      "gc",
      "down",
    ].map((name) => ({
      name: `end to end: ${name}`,
      run: () => vitest("e2e", folder, env(), `test/e2e/${name}.test.ts`),
    })),
  ];
  const only = process.argv.slice(2);
  const chosen = suites.filter(
    ({ name }) => only.length === 0 || only.some((part) => name.includes(part)),
  );

  const results: (Result & { name: string; seconds: number })[] = [];
  try {
    for (const { name, run } of chosen) {
      if (programs.signal) break;
      process.stdout.write(`\n== ${name}\n`);
      const started = Date.now();
      const result = await run();
      results.push({ name, ...result, seconds: (Date.now() - started) / 1000 });
    }
  } finally {
    await programs.finish(
      "node",
      ["--require", "./run-typescript.cjs", "platform/cli.ts", "down"],
      checkout,
      env(),
    );
    // Its data may be looked at, but nobody resets it.
    forgetRegistry(readPlatformSettings(ports));
  }

  const sum = (pick: (result: Result) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const failed = sum((result) => result.failed);
  if (failed === 0) rmSync(folder, { recursive: true, force: true });
  else process.stdout.write(`\nlogs and data of the test platform are in ${folder}\n`);

  process.stdout.write("\n");
  for (const { name, passed, failed: bad, seconds, failures } of results) {
    process.stdout.write(
      `${name.padEnd(20)} ${passed} passed, ${bad} failed in ${seconds.toFixed(0)} s\n`,
    );
    // Again, so that the end of a long log says what to mend.
    for (const failure of failures) process.stdout.write(`${failure.replaceAll(/^/gm, "    ")}\n`);
  }
  if (programs.signal)
    process.stdout.write(`\n${programs.signal} ended the run before all suites were through\n`);
  process.stdout.write(`\n${sum((result) => result.passed)} passed, ${failed} failed\n`);
  return programs.status ?? (failed === 0 ? 0 : 1);
}

function testPorts(checkout: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...raisedPorts(portOffset),
    TINYOLLY_STATE: join(checkout, ".tinyolly/platform"),
    TINYOLLY_TEST_CHECKOUT: checkout,
    // Registries on which releases are made.
    TINYOLLY_REHEARSAL: "1",
    CONTRACT_KUBECONFIG: join(checkout, ".tinyolly/platform/kubeconfig"),
  };
}

/** Some of these tests sign for real. */
async function commands(folder: string): Promise<Result> {
  const registry = platformTools.filter(({ name }) => name === "registry");
  await provideTools([...registry, ...releaseTools], readPlatformSettings().cache, (line) => {
    process.stderr.write(`${line}\n`);
  });
  return vitest("commands", folder, process.env);
}

async function vitest(
  suite: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  ...files: string[]
): Promise<Result> {
  const report = join(mkdtempSync(join(folder, "report-")), `${suite}.json`);
  const args = [
    "run",
    "--project",
    suite,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...files,
  ];
  const status = await programs.run("node_modules/.bin/vitest", args, project, env);
  try {
    return vitestResult(readFileSync(report, "utf8"), status);
  } catch {
    return { passed: 0, failed: status === 0 ? 0 : 1, failures: [] };
  }
}

async function goTest(module: string): Promise<Result> {
  let output = "";
  const status = await programs.run(
    "go",
    ["test", "-v", "./..."],
    module,
    process.env,
    (text) => (output += text),
  );
  if (status !== 0) process.stdout.write(output);
  return goResult(output, status);
}

/** Runs the `test` stage of an image's Dockerfile, on the image's own base. */
async function appTests(
  name: string,
  { path, needs = [] }: ImageDeliverable,
  checkout: string,
  env: NodeJS.ProcessEnv,
): Promise<Result> {
  const images: Readonly<Record<string, ImageDeliverable>> = deliverables.images;
  const contexts: string[] = [];
  for (const need of needs) {
    const image = `localhost:${readPlatformSettings(env).ports.registry}/test/${need}:latest`;
    const output = `--output=type=image,name=${image},push=true,registry.insecure=true`;
    const built = await buildStage(images[need]?.path ?? need, [output], checkout, env);
    if (built.status !== 0) process.stdout.write(built.log.split("\n").slice(-60).join("\n"));
    contexts.push(`--opt=context:${need}=docker-image://${image}`);
  }
  // Counts come from the log, which a cached stage does not have.
  const flags = ["--opt=target=test", "--opt=no-cache=test", ...contexts];
  const { status, log } = await buildStage(path, flags, checkout, env);
  if (status !== 0) process.stdout.write(log.split("\n").slice(-60).join("\n"));
  const plain = log.replaceAll(/\u001b\[[0-9;]*m/g, "");
  const goTests = plain.split("\n").filter((line) => line.includes("--- PASS")).length;
  const summaries = [...plain.matchAll(/(\d+) passed/g)].map(([, number]) => Number(number));
  const counted = Math.max(goTests, ...summaries);
  process.stdout.write(`${counted} tests of ${name} passed\n`);
  return { passed: counted, failed: status === 0 && counted > 0 ? 0 : 1, failures: [] };
}

/** Builds the Dockerfile of a folder of the checkout; resolves to the exit code and the build log. */
async function buildStage(
  path: string,
  flags: readonly string[],
  checkout: string,
  env: NodeJS.ProcessEnv,
): Promise<{ status: number; log: string }> {
  const context = join(checkout, path);
  let log = "";
  const args = [
    `--addr=unix://${join(checkout, ".tinyolly/platform/buildkitd.sock")}`,
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${context}`,
    ...flags,
  ];
  const status = await programs.run("buildctl", args, project, env, (text) => (log += text));
  return { status, log };
}

async function command(
  name: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Result> {
  const status = await programs.run(name, args, cwd, env);
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, failures: [] };
}

runMain("test", main);
