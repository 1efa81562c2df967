import { InputError } from "./input-error";
import type { RegistryClient } from "./registry-client";

/** A manifest that gets a tag. */
export interface Tagged {
  readonly repository: string;
  /** `sha256:…` of it. */
  readonly digest: string;
}

/**
 * Puts a tag on a manifest, wherever the tag was before.
 *
 * @param end How the message ends that says that the manifest is gone: what to do.
 * @throws InputError where it is gone.
 */
export async function putTag(
  client: RegistryClient,
  { repository, digest }: Tagged,
  tag: string,
  end: string,
): Promise<void> {
  const manifest = await client.manifest(repository, digest);
  if (!manifest) throw new InputError(`${client.host}/${repository}@${digest} is gone${end}`);
  await client.putManifest(repository, tag, manifest);
}

/** The same where the tag is not there yet. Returns whether it had to be put. */
export async function ensureTag(
  client: RegistryClient,
  tagged: Tagged,
  tag: string,
): Promise<boolean> {
  if ((await client.manifest(tagged.repository, tag))?.digest === tagged.digest) return false;
  await putTag(client, tagged, tag, " again; run the same command once more");
  return true;
}
