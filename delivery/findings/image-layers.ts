import { fields, parseJson } from "../basics/json-fields.ts";
import type { RegistryClient } from "../registry/client.ts";

/** A layer of an image. */
export interface ImageLayer {
  readonly digest: string;
  /** Instruction that made it, as the builder writes it; `""` where it does not say. */
  readonly madeBy: string;
  /** Bytes in the registry, which nodes pull. */
  readonly bytes: number;
}

/** An image of one platform, as far as nodes pull it. */
export interface PulledImage {
  readonly layers: readonly ImageLayer[];
  /** Bytes of manifest and configuration. */
  readonly rest: number;
}

/**
 * Reads the layers of an image for a platform; undefined where the registry does not have it.
 *
 * @throws RegistryError when the registry does not say so.
 */
export async function readLayers(
  client: Pick<RegistryClient, "getManifest" | "getBlob">,
  repository: string,
  digest: string,
  platform: string | undefined,
): Promise<PulledImage | undefined> {
  const found = await client.getManifest(repository, digest);
  const child = found?.children.find((one) => one.platform === platform);
  const manifest = child ? await client.getManifest(repository, child.digest) : found;
  const config = manifest?.config && (await client.getBlob(repository, manifest.config));
  if (!manifest?.config || !config) return undefined;
  const { history } = fields(parseJson(config));
  const made = (Array.isArray(history) ? history : []).flatMap((entry: unknown) => {
    const { created_by: by, empty_layer: empty } = fields(entry);
    return empty === true ? [] : [typeof by === "string" ? by : ""];
  });
  const [, ...blobs] = manifest.blobs;
  return {
    layers: blobs.map(({ digest, size }, at) => ({ digest, madeBy: made[at] ?? "", bytes: size })),
    rest: manifest.bytes.length + config.length,
  };
}

/** Bytes that a node pulls for one image when it has another one. */
export function bytesBetween(before: PulledImage, after: PulledImage): number {
  const had = new Set(before.layers.map(({ digest }) => digest));
  const layers = after.layers.filter(({ digest }) => !had.has(digest));
  return layers.reduce((sum, { bytes }) => sum + bytes, after.rest);
}
