/**
 * Records a release, last of all: `node --require ./run-typescript.cjs components/publish-release.ts < request.json`.
 *
 * Reads a {@link PublishReleaseRequest} from standard input, asks the registry for every image and chart by its digest,
 * stores the record, and then moves the aliases that this release takes. Prints a {@link PublishedRelease} as one line. A
 * record that is there already with the same content is left as it is.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readGitFacts } from "./git-facts";
import { InputError } from "./input-error";
import { RegistryClient } from "./registry-client";
import type { ReleaseRegistry } from "./release-images";
import type { ReleaseRecord, ReleaseSource, ReleasedChart, ReleasedImage } from "./release-record";
import { recordRepository, releaseNames, requireWhole, storeRelease } from "./release-store";
import { runScript } from "./script";
import { takenAliases } from "./version";

/** All that a release holds. */
export interface PublishReleaseRequest {
  readonly release: string;
  readonly registry: ReleaseRegistry;
  readonly images: Readonly<Record<string, ReleasedImage>>;
  readonly charts: Readonly<Record<string, ReleasedChart>>;
  /** Templates of the tags that follow the newest release. */
  readonly aliases: readonly string[];
}

/** A release as it is recorded. */
export interface PublishedRelease {
  /** `sha256:…` of the record's manifest. */
  readonly digest: string;
}

async function main(): Promise<void> {
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as PublishReleaseRequest;
  const { release, registry, images, charts, aliases } = request;
  const client = new RegistryClient(registry);
  try {
    await requireWhole(
      client,
      registry.namespace,
      request,
      "run pulumi up again, which pushes what is missing",
    );
    const source = readSource();
    const record: ReleaseRecord = {
      form: 1,
      release,
      images,
      charts,
      tools: toolVersions(),
      ...(source ? { source } : {}),
    };
    const { digest, stored } = await storeRelease(client, registry.namespace, record);
    if (stored) process.stderr.write(`release ${release} is recorded as ${digest}\n`);
    const known = await releaseNames(client, registry.namespace);
    for (const alias of takenAliases(aliases, release, known))
      await moveAlias(client, request, alias, digest);
    const published: PublishedRelease = { digest };
    process.stdout.write(`${JSON.stringify(published)}\n`);
  } finally {
    client.close();
  }
}

function readSource(): ReleaseSource | undefined {
  const facts = readGitFacts();
  if (!facts) return undefined;
  const { commit, time, repository, dirty } = facts;
  return {
    commit,
    time,
    dirty: dirty.length > 0,
    ...(repository === undefined ? {} : { repository }),
  };
}

/** Versions of what takes part and can be asked; the builder is not on this machine. */
function toolVersions(): Record<string, string> {
  const helm = spawnSync("helm", ["version", "--template", "{{.Version}}"], { encoding: "utf8" });
  // package.json pins what builds and publishes.
  const { version, dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
    version: string;
    dependencies: Record<string, string>;
  };
  return {
    tinyolly: version,
    node: process.versions.node,
    // It is not needed where every chart was there already.
    ...(helm.status === 0 ? { helm: helm.stdout.trim() } : {}),
    pulumi: dependencies["pulumi"] ?? "",
    "docker-build": dependencies["@pulumi/docker-build"] ?? "",
  };
}

/** Points an alias of every image and of the record at this release. */
async function moveAlias(
  client: RegistryClient,
  { release, registry, images }: PublishReleaseRequest,
  alias: string,
  record: string,
): Promise<void> {
  const targets = [
    ...Object.values(images).map(({ path, digest }) => ({
      ...{ repository: `${registry.namespace}/${path}`, digest },
    })),
    { repository: recordRepository(registry.namespace), digest: record },
  ];
  let moved = false;
  for (const { repository, digest } of targets) {
    if ((await client.manifest(repository, alias))?.digest === digest) continue;
    const manifest = await client.manifest(repository, digest);
    if (!manifest)
      throw new InputError(`${client.host}/${repository}@${digest} is gone; run pulumi up again`);
    await client.putManifest(repository, alias, manifest);
    moved = true;
  }
  if (moved) process.stderr.write(`${alias} is ${release}\n`);
}

runScript(main);
