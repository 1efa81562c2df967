import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach } from "vitest";
import { parseDocument } from "yaml";
import { buildkitAddress } from "../../platform/cluster/services.ts";
import { get } from "../../platform/machine/http.ts";
import { type LoggedBuild, loggedBuilds } from "../../platform/report/build-log.ts";
import { type PlatformSettings, readPlatformSettings } from "../../platform/settings.ts";

/** Copy of the project on a platform of its own, which `make test` made. */
export const checkout = required("TINYOLLY_TEST_CHECKOUT");
/** Where that platform listens. */
export const platform: PlatformSettings = readPlatformSettings();

/** The sources as they are, which no test edits. */
const sources = required("TINYOLLY_TEST_SOURCES");
const configVariable = "PULUMI_OPTION_CONFIG_FILE";
const configFile = required(configVariable);

/** What a command did. */
export interface Run {
  readonly status: number | null;
  /** Standard output and error, without colours. */
  readonly output: string;
}

/**
 * For suites on the local stack: each starts from what the sources say, delivered on a platform that is ready, and after a test that
 * failed this is brought about again. Where it cannot be, the tests that follow are skipped, since they would fail for that alone.
 */
export function startDelivered(): void {
  let broken = false;
  beforeAll(deliver);
  beforeEach(({ skip }) => {
    skip(broken, "what an earlier test broke could not be put back");
  });
  afterEach(({ task }) => {
    if (task.result?.state !== "fail") return;
    broken = true;
    deliver();
    broken = false;
  });
}

function deliver(): void {
  for (const file of readdirSync(checkout))
    if (!["node_modules", ".tinyolly"].includes(file))
      rmSync(join(checkout, file), { recursive: true });
  cpSync(sources, checkout, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    filter: (path) => path !== join(sources, "node_modules"),
  });
  for (const step of [restart, up]) {
    const { status, output } = step();
    if (status !== 0) throw new Error(`what the sources say cannot be delivered:\n${output}`);
  }
}

/** Runs a program in the checkout, or in another folder. */
export function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd = checkout,
): Run {
  const done = spawnSync(command, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  return { status: done.status, output: `${done.stdout}${done.stderr}` };
}

/** `pulumi up` of the local stack, as a script would run it. */
export function up(env: NodeJS.ProcessEnv = {}): Run {
  const args = ["up", "--stack=local", "--yes", "--skip-preview", "--non-interactive"];
  return run("pulumi", [...args, "--color=never"], env);
}

/** Starts `pulumi up` and leaves it running. */
export function startUp(): { pid: number; ended: Promise<number | null> } {
  const args = ["up", "--stack=local", "--yes", "--skip-preview", "--non-interactive"];
  const child = spawn("pulumi", args, { cwd: checkout, detached: true, stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { pid: child.pid ?? 0, ended };
}

/** Brings up again what of the platform does not run. */
export function restart(): Run {
  return platformCommand("up");
}

/** What `make up` runs. */
export function deploy(): Run {
  return platformCommand("deploy");
}

/** Runs one of the commands of platform/cli.ts. */
export function platformCommand(name: string): Run {
  return run("node", ["platform/cli.ts", name]);
}

/** One step of a preview. */
export interface Step {
  readonly op: string;
  /** `type name`, such as `docker-build:index:Image demo`. */
  readonly resource: string;
}

/** What a preview would do, without what stays the same. */
export function previewChanges(): Step[] {
  const { stdout, stderr, status } = spawnSync(
    "pulumi",
    ["preview", "--stack=local", "--json", "--non-interactive"],
    { cwd: checkout, encoding: "utf8", maxBuffer: 1 << 28 },
  );
  if (status !== 0) throw new Error(`preview failed: ${stdout}${stderr}`);
  // Pulumi's preview digest.
  const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
  return steps
    .filter(({ op }) => op !== "same")
    .map(({ op, urn }) => {
      const [, , types = "", name = ""] = urn.split("::");
      return { op, resource: `${types.split("$").at(-1) ?? ""} ${name}` };
    });
}

/** The stack's outputs. */
export interface Outputs {
  readonly images: Readonly<Record<string, { repository: string; tag: string; digest: string }>>;
  readonly charts: Readonly<Record<string, { source: string; version: string; digest: string }>>;
  readonly applications: Readonly<Record<string, { name: string; revision: string }>>;
}

/** Reads the stack's outputs. */
export function outputs(): Outputs {
  const { stdout } = spawnSync("pulumi", ["stack", "output", "--stack=local", "--json"], {
    cwd: checkout,
    encoding: "utf8",
  });
  // The exports of index.ts.
  return JSON.parse(stdout) as Outputs;
}

/** Builds of the local stack's images since a time, in milliseconds; other suites build with the same builder. */
export function buildsOfStack(since: number): LoggedBuild[] {
  return loggedBuilds(buildkitAddress(platform), since).filter(({ image }) =>
    /^[^/]+\/tinyolly\/[^/]+$/.test(image),
  );
}

/** Reads a JSON answer of `kubectl`. */
export function kubectl(...args: string[]): unknown {
  const { stdout, stderr, status } = spawnSync("kubectl", [...args, "--output=json"], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  return JSON.parse(stdout);
}

/** Status of a manifest in the registry, such as `tinyolly/demo@…` or `tinyolly/demo:v1`. */
export async function manifestStatus(repository: string, reference: string): Promise<number> {
  const kinds = ["manifest", "index"].map((kind) => `application/vnd.oci.image.${kind}.v1+json`);
  const accept = [...kinds, "application/vnd.docker.distribution.manifest.v2+json"].join(", ");
  const url = `http://localhost:${platform.ports.registry}/v2/${repository}/manifests/${reference}`;
  return (await get(url, { accept })).status;
}

/** Text of a file of the checkout. */
export function read(path: string): string {
  return readFileSync(join(checkout, path), "utf8");
}

/** Writes a file of the checkout for the time of `body`, and puts the old text back. */
export async function withFile(
  path: string,
  change: (text: string) => string,
  body: () => Promise<void> | void,
): Promise<void> {
  const before = read(path);
  writeFileSync(join(checkout, path), change(before));
  try {
    await body();
  } finally {
    writeFileSync(join(checkout, path), before);
  }
}

/**
 * Sets configuration keys for the time of `body`: in a file of its own, since each start of the platform, also that before another
 * suite, writes the one that this is made of.
 */
export async function withConfig(
  values: Readonly<Record<string, unknown>>,
  body: () => Promise<void> | void,
): Promise<void> {
  const document = parseDocument(readFileSync(configFile, "utf8"));
  for (const [key, value] of Object.entries(values)) {
    document.setIn(["config", `tinyolly:${key}`], value);
  }
  const changed = join(mkdtempSync(join(tmpdir(), "tinyolly-config-")), "Pulumi.local.yaml");
  writeFileSync(changed, document.toString());
  process.env[configVariable] = changed;
  try {
    await body();
  } finally {
    process.env[configVariable] = configFile;
  }
}

function required(variable: string): string {
  const value = process.env[variable];
  if (value === undefined)
    throw new Error(
      `${variable} is not set; run make test, which starts a platform for these tests`,
    );
  return value;
}
