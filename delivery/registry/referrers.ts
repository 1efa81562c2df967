import { InputError } from "../basics/input-error.ts";
import { fields, parseJson } from "../basics/json-fields.ts";
import { sha256 } from "../basics/sha256.ts";
import type { RegistryClient } from "./client.ts";
import { readDescriptor } from "./manifest-reader.ts";
import type { ManifestBytes } from "./manifests.ts";
import { imageIndexType } from "./media-types.ts";
import { referrersTag } from "./references.ts";

/** Last change of a list, by client; the next one waits for it, so that none overwrites what another adds. */
const changes = new WeakMap<RegistryClient, Promise<unknown>>();

const mostTries = 4;

/**
 * Puts a manifest that has a subject into the subject's repository, so that it is found among its referrers. Where the
 * registry does not list referrers, it is added to the list under the referrers tag. Returns its digest.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests-with-subject
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
  // A failed change does not keep the next one from its turn.
  changes.set(
    client,
    change.catch(() => undefined),
  );
  await change;
  return digest;
}

/** Adds a manifest to the list under the tag, and reads it again, since others may write at the same time. */
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

/** Reads the entries under the tag without parsing them, so that unknown fields stay. */
async function readList(
  client: RegistryClient,
  repository: string,
  tag: string,
  subject: string,
): Promise<readonly unknown[]> {
  const found = await client.getManifest(repository, tag);
  // GitLab answers this tag with the subject itself.
  if (!found || found.digest === subject) return [];
  const { manifests } = fields(parseJson(found.bytes));
  // Only the digest of an entry is read.
  if (Array.isArray(manifests)) return manifests as readonly unknown[];
  throw new InputError(
    `${client.host}/${repository}:${tag} is no list of referrers, and is not overwritten; delete that tag, and run again`,
  );
}

/** Entry of a referrer in the list under the tag. */
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
