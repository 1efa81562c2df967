import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { isRelease, newestFirst } from "../plan/version.ts";
import {
  type Artifact,
  artifact,
  descriptorOf,
  emptyBlob,
  emptyDescriptor,
} from "../registry/artifact.ts";
import type { RegistryClient } from "../registry/client.ts";
import { askForAll, findDrift } from "../registry/drift.ts";
import { releaseRepository } from "../registry/references.ts";
import type { Descriptor, Manifest } from "../registry/types.ts";
import { type ReleaseRecord, readRecord, releaseRecordType, writeRecord } from "./record.ts";
import { claimTag } from "./tag.ts";

/** A record and the `sha256:…` of its artifact. */
export interface StoredRelease {
  readonly record: ReleaseRecord;
  readonly digest: string;
}

/** An image or a chart of a release. */
export interface ReleasePart {
  readonly kind: "image" | "chart";
  readonly name: string;
  /** Path below the namespace. */
  readonly path: string;
  /** Tag of an image, version of a chart. */
  readonly tag: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
}

/** All images of a release, and then all charts. */
export function releaseParts({
  images,
  charts,
}: Pick<ReleaseRecord, "images" | "charts">): ReleasePart[] {
  return [
    ...Object.entries(images).map(([name, { path, tag, digest }]): ReleasePart => ({
      ...{ kind: "image", name, path, tag, digest },
    })),
    ...Object.entries(charts).map(([name, { path, version, digest }]): ReleasePart => ({
      ...{ kind: "chart", name, path, tag: version, digest },
    })),
  ];
}

/**
 * Makes sure that all of a release is in the registry.
 *
 * @param cure What to do about parts that are missing.
 * @throws InputError that names what is missing.
 */
export async function requireWhole(
  client: RegistryClient,
  namespace: string,
  record: Pick<ReleaseRecord, "release" | "images" | "charts">,
  cure: string,
): Promise<void> {
  // Whatever their tags.
  const drifts = await askForAll(releaseParts(record), ({ path, digest }) =>
    findDrift(client, { repository: `${namespace}/${path}`, tag: digest, digest }),
  );
  const details = [...drifts.values()].flatMap((drift) => drift?.detail ?? []).join("\n");
  if (details === "") return;
  throw new InputError(
    `${record.release} is not whole, and nothing was changed:\n${details}\n${cure}`,
  );
}

/** Path of the records of a namespace in the registry, without its host. */
export function recordRepository(namespace: string): string {
  return `${namespace}/${releaseRepository}`;
}

/**
 * Reads the record of a release; undefined when the registry has none.
 *
 * @param release Its version, an alias such as `latest`, or the `sha256:…` of its record.
 * @throws RegistryError, InputError when it cannot be read, or is no record.
 */
export async function readRelease(
  client: RegistryClient,
  namespace: string,
  release: string,
): Promise<StoredRelease | undefined> {
  const repository = recordRepository(namespace);
  const manifest = await client.getManifest(repository, release);
  if (!manifest) return undefined;
  const where = `${client.host}/${repository}${release.startsWith("sha256:") ? "@" : ":"}${release}`;
  const text = await recordText(client, repository, manifest);
  if (!text)
    throw new InputError(`${where} is no release record; name a release that make releases lists`);
  return { record: readRecord(text, where), digest: manifest.digest };
}

/** Text of the record that a manifest holds; undefined where it holds none, or one that was damaged. */
export async function recordText(
  reader: Pick<RegistryClient, "getBlob">,
  repository: string,
  { blobs }: Pick<Manifest, "blobs">,
): Promise<Buffer | undefined> {
  const layer = blobs.find(({ mediaType }) => mediaType === releaseRecordType);
  const text = layer && (await reader.getBlob(repository, layer));
  return text && `sha256:${sha256(text)}` === layer.digest ? text : undefined;
}

/**
 * Reads the record of a release that must be there.
 *
 * @throws InputError that names the releases that there are.
 */
export async function requireRelease(
  client: RegistryClient,
  namespace: string,
  release: string,
): Promise<StoredRelease> {
  // Before anybody is asked.
  if (!isRelease(release) && !isOfContent(release))
    throw new InputError(
      `"${release}" is not a release; they are named like v2.1.7, and make releases lists them`,
    );
  const found = await readRelease(client, namespace, release);
  if (found) return found;
  const names = await releaseNames(client, namespace);
  const known = names.length === 0 ? "none" : names.slice(0, 10).join(", ");
  throw new InputError(
    `there is no release ${release} in ${client.host}/${recordRepository(namespace)}; it has ${known}`,
  );
}

/** Whether a name is that of what was recorded by content, as a promotion of a stack without releases does. */
function isOfContent(name: string): boolean {
  return /\.x-h[0-9a-f]{12}$/.test(name);
}

/** Versions of the releases that a namespace has, the newest first. Aliases and what belongs to other artifacts are left out. */
export async function releaseNames(client: RegistryClient, namespace: string): Promise<string[]> {
  const tags = await client.listTags(recordRepository(namespace));
  return newestFirst(tags.filter((tag) => isRelease(tag) || isOfContent(tag)));
}

/**
 * Stores a record under its version, unless the same images and charts are recorded there.
 *
 * @param attest Signs the record by its digest, before anybody can find it by its version.
 * @returns the `sha256:…` of the record that is there then, and whether it had to be stored.
 * @throws InputError when the version is taken by other images or charts.
 */
export async function storeRelease(
  client: RegistryClient,
  namespace: string,
  record: ReleaseRecord,
  attest?: (digest: string) => Promise<void>,
): Promise<{ readonly digest: string; readonly isNew: boolean }> {
  const repository = recordRepository(namespace);
  const existing = await findStored(client, namespace, record);
  if (existing !== undefined) {
    await attest?.(existing);
    return { digest: existing, isNew: false };
  }
  const text = Buffer.from(writeRecord(record));
  const layer = descriptorOf(text, releaseRecordType);
  await client.uploadBlob(repository, emptyDescriptor, emptyBlob);
  await client.uploadBlob(repository, layer, text);
  const manifest = recordManifest(record, layer);
  const { digest } = manifest;
  await client.putManifest(repository, digest, manifest);
  await attest?.(digest);
  // Somebody else may have stored the same content meanwhile, made at another time.
  const meanwhile = await findStored(client, namespace, record);
  if (meanwhile !== undefined) return { digest: meanwhile, isNew: false };
  await claimTag(client, { repository, digest }, record.release);
  return { digest, isNew: true };
}

/**
 * Looks for a record of the same images and charts under its version. Returns its `sha256:…`; undefined where there is none.
 *
 * @throws InputError when the version is taken by other images or charts.
 */
export async function findStored(
  client: RegistryClient,
  namespace: string,
  record: ReleaseRecord,
): Promise<string | undefined> {
  const existing = await readRelease(client, namespace, record.release);
  if (!existing || sameContent(existing.record, record)) return existing?.digest;
  throw new InputError(
    `${client.host}/${recordRepository(namespace)}:${record.release} records other images or charts, and releases are never overwritten; ` +
      `release another version`,
  );
}

function recordManifest({ release, source }: ReleaseRecord, layer: Descriptor): Artifact {
  return artifact({
    artifactType: releaseRecordType,
    layers: [layer],
    annotations: {
      "org.opencontainers.image.version": release,
      ...(source === undefined
        ? {}
        : {
            "org.opencontainers.image.revision": source.commit,
            "org.opencontainers.image.created": source.time,
          }),
    },
  });
}

/** Whether two records hold the same images and charts; where and with what they were made may differ. */
export function sameContent(one: ReleaseRecord, other: ReleaseRecord): boolean {
  return contentOf(one) === contentOf(other);
}

function contentOf({ images, charts }: ReleaseRecord): string {
  const digests = (parts: Readonly<Record<string, { digest: string }>>): string[] =>
    Object.entries(parts).map(([name, { digest }]) => `${name}@${digest}`);
  return JSON.stringify([digests(images).sort(), digests(charts).sort()]);
}
