import { InputError } from "../basics/input-error.ts";
import { fields, parseJson } from "../basics/json-fields.ts";
import { sha256 } from "../basics/sha256.ts";
import type { RegistryClient } from "./client.ts";
import { readDescriptor } from "./manifest-reader.ts";
import type { ManifestBytes } from "./manifests.ts";
import { imageIndexType } from "./media-types.ts";
import { referrersTag } from "./references.ts";

/** Lists that are being changed, by client, so that none overwrites what another of this process adds. */
const changes = new WeakMap<RegistryClient, Promise<unknown>>();

const mostTries = 4;

/**
 * Puts a manifest that has a subject into the subject's repository, so that it is found among its referrers. Where the
 * registry does not list referrers, it is listed under the tag that stands for that, beside all that is listed there.
 * Returns its digest.
 *
 * @throws InputError when the manifest has no subject.
 * @throws RegistryError when the registry does not take it.
 */
export async function attachReferrer(
  client: RegistryClient,
  repository: string,
  manifest: ManifestBytes,
): Promise<string> {
  const subject = readDescriptor(fields(parseJson(manifest.bytes) ?? {})["subject"]);
  const digest = `sha256:${sha256(manifest.bytes)}`;
  if (!subject.digest.startsWith("sha256:")) {
    throw new InputError(
      `${digest} has no subject, so that it can be attached to nothing; make it with one, or put it under a tag`,
    );
  }
  if (await client.putReferrer(repository, manifest)) return digest;
  const before = changes.get(client) ?? Promise.resolve();
  const change = before.then(() => list(client, repository, subject.digest, manifest));
  // The next one does not mind how this one ended.
  changes.set(
    client,
    change.catch(() => undefined),
  );
  await change;
  return digest;
}

/** Adds a manifest to the list under the tag, and looks whether it stayed there, since others may write at the same time. */
async function list(
  client: RegistryClient,
  repository: string,
  subject: string,
  manifest: ManifestBytes,
): Promise<void> {
  const tag = referrersTag(subject);
  const entry = entryOf(manifest);
  for (let tries = 0; ; tries++) {
    const listed = await readList(client, repository, tag, subject);
    if (listed.some((other) => fields(other)["digest"] === entry["digest"])) return;
    if (tries === mostTries) {
      throw new InputError(
        `${client.host}/${repository}:${tag} loses what is added to it; let nobody else write there, and run again`,
      );
    }
    const manifests = [...listed, entry];
    const index = { schemaVersion: 2, mediaType: imageIndexType, manifests };
    const bytes = Buffer.from(JSON.stringify(index));
    await client.putManifest(repository, tag, { bytes, mediaType: imageIndexType });
  }
}

/** The entries under the tag as they are, so that also what is not understood here stays. */
async function readList(
  client: RegistryClient,
  repository: string,
  tag: string,
  subject: string,
): Promise<readonly unknown[]> {
  const found = await client.getManifest(repository, tag);
  // GitLab takes this tag for the digest itself.
  if (!found || found.digest === subject) return [];
  const { manifests } = fields(parseJson(found.bytes));
  // Entries are only looked at by their digest.
  if (Array.isArray(manifests)) return manifests as readonly unknown[];
  throw new InputError(
    `${client.host}/${repository}:${tag} is no list of referrers, and is not overwritten; delete that tag, and run again`,
  );
}

/** A referrer as lists name it. */
function entryOf({ bytes, mediaType }: ManifestBytes): Readonly<Record<string, unknown>> {
  const { artifactType, config, annotations } = fields(parseJson(bytes));
  return {
    mediaType,
    digest: `sha256:${sha256(bytes)}`,
    size: bytes.length,
    artifactType: artifactType ?? fields(config)["mediaType"],
    ...(annotations !== undefined && { annotations }),
  };
}
