/**
 * Checks format, types and rules of everything: `make check`. With `--fix` it formats and mends instead: `make fix`.
 * Every check runs, whatever the ones before it said; the exit code is 0 only when all hold.
 */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { readPlatformSettings } from "../platform/settings.ts";
import { checkTools, platformTools } from "../platform/tools/catalog.ts";
import { linkTools } from "../platform/tools/links.ts";
import { provideTools } from "../platform/tools/provide.ts";
import { customResourceSchemas } from "./chart/custom-resource-schemas.ts";
import { kubernetesSchemas } from "./kubernetes-schemas.ts";

const project = resolve(import.meta.dirname, "..");
const rooms = [
  ...["index.ts", "deliverables.ts", "components", "program", "delivery", "platform", "commands"],
  ...["bench", "test"],
];
const charts = ["charts/tinyolly", "charts/tinyolly-demos"];
const goModules = ["platform/cluster/node", "platform/pulumi/stand-ins", "apps/opamp-server"];

interface Check {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Given to standard input. */
  readonly input?: string;
  /** Output counts as a failure, even where the exit code does not say so. */
  readonly silent?: boolean;
}

async function main(): Promise<number> {
  const fix = process.argv.includes("--fix");
  const { cache } = readPlatformSettings();
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  const tools = await provideTools(
    [...checkTools, ...platformTools.filter(({ name }) => name === "helm")],
    cache,
    log,
  );
  const bin = join(project, ".tinyolly/check/bin");
  mkdirSync(bin, { recursive: true });
  linkTools(tools.values(), bin);
  process.env["PATH"] = `${bin}:${join(project, "node_modules/.bin")}:${process.env["PATH"] ?? ""}`;

  let failed = 0;
  const schemas = [await kubernetesSchemas(cache, log), await customResourceSchemas(cache, log)];
  for (const check of fix ? fixes() : checks(schemas)) {
    const started = Date.now();
    const [command, ...args] = check.command;
    const run = spawnSync(command, args, {
      cwd: join(project, check.cwd ?? "."),
      // A newer Go is fetched where a module asks for it.
      env: { ...process.env, GOTOOLCHAIN: "auto", ...check.env },
      encoding: "utf8",
      maxBuffer: 1 << 28,
      ...(check.input === undefined ? {} : { input: check.input }),
    });
    const output = `${run.stdout}${run.stderr}${run.error?.message ?? ""}`.trim();
    const good = run.status === 0 && !(check.silent === true && output !== "");
    if (!good) failed++;
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${good ? "ok    " : "FAILED"} ${check.name} (${seconds} s)\n`);
    if (!good) process.stdout.write(`${output}\n`);
  }
  process.stdout.write(failed === 0 ? "all checks hold\n" : `${failed} checks failed\n`);
  return failed === 0 ? 0 : 1;
}

function fixes(): Check[] {
  return [
    { name: "prettier", command: ["prettier", "--write", "--log-level=warn", "."] },
    { name: "eslint", command: ["eslint", "--fix", "."] },
    ...goModules.map((cwd): Check => ({
      name: `gofumpt ${cwd}`,
      command: ["gofumpt", "-w", "."],
      cwd,
    })),
  ];
}

function checks(schemas: readonly string[]): Check[] {
  const files = trackedFiles();
  const shellFiles = files.filter((file) => file === ".ci/run" || file.endsWith(".sh"));
  const workflows = files.filter((file) => file.startsWith(".github/workflows/"));
  return [
    { name: "prettier", command: ["prettier", "--check", "--log-level=warn", "."] },
    { name: "types", command: ["tsc", "--project", "."] },
    { name: "types of examples/shop", command: ["tsc", "--project", "examples/shop"] },
    {
      name: "types of the package",
      command: ["tsc", "--project", "tsconfig.package.json", "--noEmit"],
    },
    { name: "eslint", command: ["eslint", "--max-warnings=0", "."] },
    { name: "rooms", command: ["depcruise", ...rooms] },
    ...[...goModules, "platform/tools/cmd"].map((cwd): Check => ({
      ...{ name: `gofumpt ${cwd}`, command: ["gofumpt", "-l", "."] as const },
      ...{ cwd, silent: true },
    })),
    // The mains of tools are compiled where they are built, which takes too long here.
    ...goModules.flatMap((cwd): Check[] => [
      { name: `go vet ${cwd}`, command: ["go", "vet", "./..."], cwd },
      { name: `staticcheck ${cwd}`, command: ["staticcheck", "./..."], cwd },
    ]),
    { name: "shellcheck", command: ["shellcheck", ...shellFiles] },
    { name: "actionlint", command: ["actionlint", "-no-color", ...workflows] },
    kubeconform(
      "platform/kind",
      schemas,
      spawnSync(process.execPath, ["platform/kind/cli.ts", "up", "--dry-run"], {
        cwd: project,
        encoding: "utf8",
      }),
      // Of kind itself, which has no schema for it.
      "Cluster",
    ),
    ...charts.flatMap((chart): Check[] => [
      { name: `helm lint ${chart}`, command: ["helm", "lint", "--strict", chart] },
      { name: `helm-unittest ${chart}`, command: ["helm-unittest", "--strict", chart] },
      ...valuesFiles(chart).map((values): Check => {
        const args = [
          "template",
          "release",
          chart,
          "--namespace=somewhere",
          "--kube-version=1.37.2",
        ];
        const apis = [
          "gateway.networking.k8s.io/v1/HTTPRoute",
          "opentelemetry.io/v1alpha1/Instrumentation",
        ];
        const rendered = spawnSync(
          "helm",
          [
            ...args,
            ...apis.flatMap((api) => ["--api-versions", api]),
            ...(values === "" ? [] : ["--values", values]),
          ],
          { cwd: project, encoding: "utf8" },
        );
        const what = `${chart} ${values === "" ? "with its defaults" : `with ${values}`}`;
        return kubeconform(what, schemas, rendered);
      }),
    ]),
  ];
}

/** Checks manifests that a command rendered, but for those of the kind `skipped`. */
function kubeconform(
  what: string,
  schemas: readonly string[],
  rendered: SpawnSyncReturns<string>,
  skipped = "none",
): Check {
  return {
    name: `kubeconform ${what}`,
    command: [
      "kubeconform",
      "-strict",
      "-summary",
      `-skip=${skipped}`,
      ...schemas.map(
        (folder) => `-schema-location=${folder}/{{.ResourceKind}}{{.KindSuffix}}.json`,
      ),
      "-",
    ],
    input: rendered.status === 0 ? rendered.stdout : `${what} failed: ${rendered.stderr}`,
  };
}

/** A chart's defaults, and what its tests keep as complete sets of values. */
function valuesFiles(chart: string): string[] {
  const folder = join(chart, "tests/values");
  const files = existsSync(join(project, folder)) ? readdirSync(join(project, folder)) : [];
  return ["", ...files.map((file) => join(folder, file))];
}

function trackedFiles(): string[] {
  const { stdout } = spawnSync("git", ["ls-files", "-z"], { cwd: project, encoding: "utf8" });
  return stdout.split("\0").filter((file) => file !== "" && existsSync(join(project, file)));
}

void main().then((status) => {
  process.exitCode = status;
});
