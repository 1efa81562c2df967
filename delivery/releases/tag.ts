import { InputError } from "../basics/input-error.ts";
import type { RegistryClient } from "../registry/client.ts";
import type { Manifest } from "../registry/types.ts";

/** A manifest that gets a tag. */
export interface Tagged {
  readonly repository: string;
  /** `sha256:…` of it. */
  readonly digest: string;
}

/**
 * Puts the tag of a published version on a manifest, unless it is there already. Returns whether it had to be put.
 *
 * @throws InputError where other content has the tag, or where the manifest is gone.
 */
export async function claimTag(
  client: RegistryClient,
  tagged: Tagged,
  tag: string,
): Promise<boolean> {
  const { repository, digest } = tagged;
  const manifest = await requireManifest(client, tagged);
  // Registries have no compare-and-set: what somebody else puts there between this question and the next request is overwritten.
  const there = (await client.getManifest(repository, tag))?.digest;
  if (there === digest) return false;
  if (there !== undefined) {
    throw new InputError(
      `${client.host}/${repository}:${tag} was published with other content in the meantime (${there}); ` +
        `published versions are never overwritten, so give the release the next version`,
    );
  }
  await client.putManifest(repository, tag, manifest);
  return true;
}

/**
 * Puts an alias on a manifest, wherever it was before. Returns whether it had to be put.
 *
 * @throws InputError where the manifest is gone.
 */
export async function ensureTag(
  client: RegistryClient,
  tagged: Tagged,
  tag: string,
): Promise<boolean> {
  const { repository, digest } = tagged;
  if ((await client.getManifest(repository, tag))?.digest === digest) return false;
  await client.putManifest(repository, tag, await requireManifest(client, tagged));
  return true;
}

async function requireManifest(
  client: RegistryClient,
  { repository, digest }: Tagged,
): Promise<Manifest> {
  const manifest = await client.getManifest(repository, digest);
  if (manifest) return manifest;
  throw new InputError(
    `${client.host}/${repository}@${digest} is gone again; run the same command once more`,
  );
}
