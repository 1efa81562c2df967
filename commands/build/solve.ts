import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import { JsonStream } from "../../delivery/basics/json-stream.ts";
import { type ImagePlan, lockedContexts } from "../../delivery/plan/image-plan.ts";
import { sourceDateEpoch, stageContext } from "../../delivery/plan/staging.ts";

/** How an image is built that is not pushed. */
export interface SolveOptions {
  /** Address of BuildKit, as buildctl takes it. */
  readonly address: string;
  /** Place of each image that it needs, as a build context has it, by the name in its Dockerfile. */
  readonly needs: Readonly<Record<string, string>>;
  /** Folders with OCI layouts that are named there. @default - none */
  readonly layouts?: readonly string[];
  /** Whether every step runs, on empty cache mounts. @default false */
  readonly fresh?: boolean;
  /** Folder into which it is written as an OCI layout. @default - it stays in the builder's cache */
  readonly layout?: string | undefined;
}

/** What a build gave. */
export interface Solved {
  /** `sha256:…` under which it would be pushed. */
  readonly digest: string;
  readonly seconds: number;
  /** What BuildKit's checks have against the Dockerfile, each with its line. */
  readonly warnings: readonly string[];
}

const shownLines = 20;

/**
 * Builds an image as `up` would, and pushes nothing.
 *
 * @throws InputError with the end of the log where it does not build.
 */
export async function solve(image: ImagePlan, options: SolveOptions): Promise<Solved> {
  const work = mkdtempSync(join(tmpdir(), "tinyolly-build-"));
  try {
    const metadata = join(work, "metadata.json");
    writeFileSync(join(work, "Dockerfile"), image.dockerfile.text);
    const start = performance.now();
    const { status, output } = await buildctl(solveArgs(image, options, work, metadata));
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    if (status !== 0)
      throw new InputError(`image "${image.name}" does not build:\n${endOfLog(output)}`);
    // What buildctl writes there.
    const told = JSON.parse(readFileSync(metadata, "utf8")) as Record<string, string>;
    const { "containerimage.digest": digest = "" } = told;
    return { digest, seconds, warnings: warningsOf(output, image.dockerfile.path) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function solveArgs(
  image: ImagePlan,
  { address, needs, layouts = [], fresh = false, layout }: SolveOptions,
  work: string,
  metadata: string,
): string[] {
  const contexts = { ...lockedContexts(image), ...needs };
  const buildArgs = { ...image.buildArgs, SOURCE_DATE_EPOCH: String(sourceDateEpoch) };
  // By its name, the builder's history tells later what was built here.
  const kept = `type=image,name=try/${image.name}:${image.contentTag},push=false,store=false,rewrite-timestamp=true`;
  const written = `type=oci,tar=false,dest=${layout ?? ""},rewrite-timestamp=true`;
  return [
    ...[`--addr=${address}`, "build", "--progress=rawjson", "--frontend=dockerfile.v0"],
    ...[`--local=context=${stageContext(image)}`, `--local=dockerfile=${work}`],
    `--opt=platform=${image.platforms.join(",")}`,
    ...(image.target === undefined ? [] : [`--opt=target=${image.target}`]),
    ...Object.entries(buildArgs).map(([name, value]) => `--opt=build-arg:${name}=${value}`),
    ...Object.entries(contexts).map(([name, place]) => `--opt=context:${name}=${place}`),
    ...layouts.map((folder, at) => `--oci-layout=layout-${at}=${folder}`),
    // It empties cache mounts too, so these are not those of other builds.
    ...(fresh ? ["--no-cache", "--opt=build-arg:BUILDKIT_CACHE_MOUNT_NS=reproduce"] : []),
    ...[`--output=${layout === undefined ? kept : written}`, `--metadata-file=${metadata}`],
  ];
}

/** Runs buildctl and resolves to all that it prints. */
function buildctl(args: readonly string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("buildctl", args, { stdio: ["ignore", "ignore", "pipe"] });
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.once("error", (error) => {
      reject(
        new InputError(`buildctl cannot be run: ${error.message}; make platform-up brings it`),
      );
    });
    child.once("close", (status) => {
      resolve({ status, output });
    });
  });
}

interface Status {
  readonly logs?: readonly { readonly data: string }[];
  readonly warnings?: readonly {
    /** In base64. */
    readonly short: string;
    readonly range?: readonly { readonly start: { readonly line: number } }[];
  }[];
}

/** BuildKit's solve status, as buildctl prints it; other lines are left out. */
function statuses(output: string): Status[] {
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  return new JsonStream().take(`${lines.join("\n")}\n`) as Status[];
}

function endOfLog(output: string): string {
  const logs = statuses(output).flatMap(({ logs = [] }) => logs.map(({ data }) => decode(data)));
  // Statuses are JSON; what begins with a time is of no interest to who builds.
  const last = output.split("\n").filter((line) => !/^(?:\{|time=|$)/.test(line));
  const lines = [...logs.join("").split("\n"), ...last].filter((line) => line.trim() !== "");
  return lines.slice(-shownLines).join("\n");
}

function warningsOf(output: string, file: string): string[] {
  const told = statuses(output).flatMap(({ warnings = [] }) =>
    warnings.map(
      ({ short, range = [] }) => `${file}:${range[0]?.start.line ?? 1}: ${decode(short)}`,
    ),
  );
  return [...new Set(told)];
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
