/**
 * Packages one chart and pushes it: `node components/scripts/publish-chart.ts < request.json`.
 *
 * Reads a {@link PublishRequest} from standard input, prints a {@link PublishedChart} as one line, and leaves the
 * chart's sources as they are. An existing version is left alone when its bytes are the same, and never overwritten.
 * Credentials come from helm's and Docker's own configuration.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { InputError } from "../../delivery/basics/input-error.ts";
import { sha256 } from "../../delivery/basics/sha256.ts";
import { noteTiming } from "../../delivery/basics/timings.ts";
import { helm, lastLines } from "../../delivery/objects/helm.ts";
import { type ChartPackage, writeChartPackage } from "../../delivery/plan/chart-package.ts";
import { sourceDateEpoch } from "../../delivery/plan/staging.ts";
import { RegistryClient, RegistryError } from "../../delivery/registry/client.ts";
import { askForAll } from "../../delivery/registry/drift.ts";
import { imageProblem } from "../../delivery/registry/image-platforms.ts";
import type { PushRef, Tls } from "../../delivery/registry/references.ts";
import { runScript } from "./script.ts";

/** What to package and where to push it. */
export interface PublishRequest extends ChartPackage {
  readonly chart: string;
  /** Platforms that each image must have. */
  readonly platforms: readonly string[];
  /** `oci://host/folder` to which helm appends the chart's name. */
  readonly pushFolder: PushRef;
  readonly pushTls: Tls;
}

/** What was pushed, or found to be there with the same content. */
export interface PublishedChart {
  /** `sha256:…` of the OCI manifest. */
  readonly digest: string;
}

const tlsFlags: Readonly<Record<Tls, readonly string[]>> = {
  verify: [],
  "skip-verify": ["--insecure-skip-tls-verify"],
  "plain-http": ["--plain-http"],
};

async function main(): Promise<void> {
  const start = performance.timeOrigin;
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as PublishRequest;
  const [, host = "", charts = ""] = /^oci:\/\/([^/]+)\/(.+)$/.exec(request.pushFolder) ?? [];
  const client = new RegistryClient({ host, tls: request.pushTls });
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-chart-"));
  try {
    await checkImages(request, client);
    const archive = await packageChart(request, folder);
    const found = await findPublished(request, archive, client, `${charts}/${request.chart}`);
    const published: PublishedChart = { digest: found ?? (await push(request, archive, folder)) };
    noteTiming("package", start);
    process.stdout.write(`${JSON.stringify(published)}\n`);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const why =
      error instanceof RegistryError
        ? `the registry could not be asked what it has, so nothing was pushed: ${error.message}`
        : error.message;
    process.stderr.write(`chart "${request.chart}" ${request.version}: ${why}\n`);
    process.exitCode = 1;
  } finally {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Nobody may find a chart whose images are not there. */
async function checkImages(
  { images, platforms }: PublishRequest,
  client: RegistryClient,
): Promise<void> {
  const unique = new Map(Object.values(images).map((image) => [image.digest, image]));
  const answers = await askForAll([...unique.values()], ({ repository, digest }) =>
    // The path is the same at all endpoints of the registry.
    imageProblem(client, { repository: pathOf(repository), digest, platforms }),
  );
  const problems = [...answers.values()].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new InputError(
    `${problems.join("\n")}\nThe chart was not pushed; run pulumi up again, which pushes what is missing`,
  );
}

/** Path in the registry, without its host. */
function pathOf(repository: string): string {
  return repository.slice(repository.indexOf("/") + 1);
}

/** Packages a copy of the chart that holds its version and images; equal inputs give equal bytes. Returns the archive. */
async function packageChart(request: PublishRequest, folder: string): Promise<string> {
  const copy = join(folder, request.chart);
  await writeChartPackage(request, copy, true);
  await helm(["package", copy, "--destination", folder], { folder });
  const name = readdirSync(folder).find((entry) => entry.endsWith(".tgz"));
  if (name === undefined)
    throw new InputError("helm package wrote no archive; run helm package on the chart to see why");
  const archive = join(folder, name);
  requireHelm4(archive);
  // Helm puts the archive's own time into the manifest.
  utimesSync(archive, sourceDateEpoch, sourceDateEpoch);
  return archive;
}

/** Digest of the version when the registry has it with the same bytes; undefined when it does not have it. */
async function findPublished(
  { chart, path, version, pushFolder }: PublishRequest,
  archive: string,
  client: RegistryClient,
  repository: string,
): Promise<string | undefined> {
  const found = await client.getManifest(repository, version);
  if (!found || found.layers.includes(`sha256:${sha256(readFileSync(archive))}`))
    return found?.digest;
  throw new InputError(
    `${pushFolder}/${chart} has this version with other content, and published versions are never overwritten; ` +
      `raise the version in ${path}/Chart.yaml, or delete that version from the registry`,
  );
}

async function push(request: PublishRequest, archive: string, folder: string): Promise<string> {
  process.stderr.write(
    `pushing ${request.pushFolder}/${request.chart}:${request.version} (${statSync(archive).size} bytes)\n`,
  );
  const args = ["push", archive, request.pushFolder, ...tlsFlags[request.pushTls]];
  const { stdout, stderr } = await helm(args, { folder });
  return digestOf(`${stdout}${stderr}`);
}

/** Helm 3 stamps the clock on each file of a package, where Helm 4 keeps its time. */
function requireHelm4(archive: string): void {
  // Where tar has the time of its first file, in octal.
  const time = gunzipSync(readFileSync(archive)).toString("latin1", 136, 147);
  if (parseInt(time, 8) === sourceDateEpoch) return;
  const { stdout } = spawnSync("helm", ["version", "--template", "{{.Version}}"], {
    encoding: "utf8",
  });
  throw new InputError(
    `helm ${stdout.trim()} cannot package reproducibly; Helm 4 is needed: eval "$(make -s env)" puts the platform's first`,
  );
}

function digestOf(output: string): string {
  const digest = /^Digest:\s*(sha256:[0-9a-f]{64})/m.exec(output)?.[1];
  if (digest === undefined) throw new InputError(`helm printed no digest: ${lastLines(output)}`);
  return digest;
}

runScript(main);
