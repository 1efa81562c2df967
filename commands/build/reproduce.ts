import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../../delivery/basics/input-error.ts";
import type { ImagePlan } from "../../delivery/plan/image-plan.ts";
import type { RegistryClient } from "../../delivery/registry/client.ts";
import {
  type Endpoints,
  imageFolder,
  imageRepository,
} from "../../delivery/registry/references.ts";
import type { ReleaseRecord } from "../../delivery/releases/record.ts";
import { type LayoutReader, layerDifference } from "./layer-difference.ts";
import { solve } from "./solve.ts";

/** Where an image was published, and what builds it. */
export interface ReproduceArgs {
  readonly client: RegistryClient;
  readonly endpoints: Endpoints;
  readonly address: string;
  /** All images of the stack, among them those that others need. */
  readonly images: readonly ImagePlan[];
  /** Record of the release that is compared with. @default - what content names */
  readonly record: ReleaseRecord | undefined;
}

/** An image that was built again. */
export interface Reproduction {
  readonly name: string;
  /** `sha256:…` that the registry has. */
  readonly published: string;
  /** `sha256:…` that was built. */
  readonly built: string;
  readonly seconds: number;
  /** First layer, file and reason that differ. @default - nothing does */
  readonly difference?: string;
}

/**
 * Builds an image again, every step on an empty cache, and compares it with what was published of the same sources.
 *
 * @throws InputError where nothing was, and where it does not build.
 */
export async function reproduce(image: ImagePlan, args: ReproduceArgs): Promise<Reproduction> {
  const { client, endpoints, address, images } = args;
  const { name } = image;
  const repository = imageRepository(endpoints, name);
  const published = await publishedDigest(image, args);
  const work = mkdtempSync(join(tmpdir(), "tinyolly-reproduce-"));
  try {
    const needs = await Promise.all(
      [...image.needs].flatMap(([reference, { name }]) =>
        images
          .filter((one) => one.name === name)
          .map(async (needed) => {
            const digest = await publishedDigest(needed, args);
            return [
              reference,
              `docker-image://${imageFolder(endpoints)}/${name}@${digest}`,
            ] as const;
          }),
      ),
    );
    const layout = join(work, "layout");
    const solved = await solve(image, {
      ...{ address, needs: Object.fromEntries(needs), fresh: true, layout },
    });
    const { digest: built, seconds } = solved;
    const done = { name, published, built, seconds };
    if (built === published) return done;
    const own: LayoutReader = (digest) =>
      Promise.resolve(readFileSync(join(layout, "blobs", digest.replace(":", "/"))));
    const other: LayoutReader = async (digest, size) => {
      const manifest =
        size === undefined ? await client.getManifest(repository, digest) : undefined;
      const file = join(work, digest.replace(":", "-"));
      if (manifest) return manifest.bytes;
      await client.downloadBlob(repository, { mediaType: "", digest, size: size ?? 0 }, file);
      return readFileSync(file);
    };
    return { ...done, difference: await layerDifference([other, published], [own, built]) };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function publishedDigest(
  { name, key, contentTag }: ImagePlan,
  { client, endpoints, record }: ReproduceArgs,
): Promise<string> {
  if (record) {
    const { digest, key: released } = record.images[name] ?? {};
    if (digest !== undefined && released === key) return digest;
    throw new InputError(
      `image "${name}" of ${record.release} was built of other sources; check out the commit that make releases shows, and try again`,
    );
  }
  const repository = imageRepository(endpoints, name);
  const found = await client.getManifest(repository, contentTag);
  if (found) return found.digest;
  throw new InputError(
    `${client.host}/${repository}:${contentTag} is not there, so there is nothing to compare with; make up publishes it`,
  );
}
