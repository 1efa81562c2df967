/**
 * Records a release, last of all: `node components/scripts/publish-release.ts < request.json`.
 *
 * Reads a {@link PublishReleaseRequest} from standard input, asks the registry for every image and chart by its digest, signs charts and
 * record where that is asked for, stores the record, and then moves the aliases that this release takes. Prints a {@link PublishedRelease}
 * as one line. A record that is there already with the same content is left as it is.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { moveAliases } from "../../delivery/releases/aliases.ts";
import { readOrigin } from "../../delivery/releases/origin.ts";
import type {
  ReleaseRegistry,
  ReleaseRecord,
  ReleasedChart,
  ReleasedImage,
} from "../../delivery/releases/record.ts";
import { requireWhole, storeRelease } from "../../delivery/releases/store.ts";
import { attester } from "../../delivery/signing/attester.ts";
import type { Signer } from "../../delivery/signing/signing.ts";
import { runScript } from "./script.ts";

/** All that a release holds. */
export interface PublishReleaseRequest {
  readonly release: string;
  readonly registry: ReleaseRegistry;
  /** File with the commit that was planned and who builds it. */
  readonly origin: string;
  readonly images: Readonly<Record<string, ReleasedImage>>;
  readonly charts: Readonly<Record<string, ReleasedChart>>;
  /** Templates of the tags that follow the newest release. */
  readonly aliases: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: Signer;
}

/** A release as it is recorded. */
export interface PublishedRelease {
  /** `sha256:…` of the record's manifest. */
  readonly digest: string;
}

async function main(): Promise<void> {
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as PublishReleaseRequest;
  const { release, registry, images, charts, aliases, signing } = request;
  const client = new RegistryClient(registry);
  try {
    await requireWhole(
      client,
      registry.namespace,
      request,
      "run pulumi up again, which pushes what is missing",
    );
    const record: ReleaseRecord = {
      form: 1,
      release,
      images,
      charts,
      tools: toolVersions(),
      ...readOrigin(request.origin),
    };
    const attest = attester({ registry, signing, client });
    const { digest, isNew } = await storeRelease(
      client,
      registry.namespace,
      record,
      attest && ((digest) => attest(record, { charts: true, record: digest })),
    );
    if (isNew) process.stderr.write(`release ${release} is recorded as ${digest}\n`);
    const stored = { record, digest };
    for (const alias of await moveAliases(client, registry.namespace, stored, aliases))
      process.stderr.write(`${alias} is ${release}\n`);
    const published: PublishedRelease = { digest };
    process.stdout.write(`${JSON.stringify(published)}\n`);
  } finally {
    client.close();
  }
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

runScript(main);
