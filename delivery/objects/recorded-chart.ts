import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import type { RegistryClient } from "../registry/client.ts";
import { chartPackageType } from "../registry/media-types.ts";

/** A chart that was pushed and is there no more. */
export class LostChart extends InputError {
  public override readonly name = "LostChart";
}

/**
 * Puts the package of a pushed chart into a folder; returns its path.
 *
 * @param reference Its version, or `sha256:…` of its manifest.
 * @throws LostChart where the registry does not have it, RegistryError when it does not say so.
 */
export async function unpackPushedChart(
  client: Pick<RegistryClient, "getManifest" | "getBlob">,
  repository: string,
  reference: string,
  folder: string,
): Promise<string> {
  const manifest = await client.getManifest(repository, reference);
  const layer = manifest?.blobs.find(({ mediaType }) => mediaType === chartPackageType);
  const archive = layer && (await client.getBlob(repository, layer));
  if (!archive) throw new LostChart(`the registry has ${repository}:${reference} no more`);
  const file = join(folder, "chart.tgz");
  writeFileSync(file, archive);
  return file;
}
