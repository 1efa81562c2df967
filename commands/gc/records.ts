import { InputError } from "../../delivery/basics/input-error.ts";
import { contentTagEnd, isRelease, newerFirst } from "../../delivery/plan/version.ts";
import { releaseRepository } from "../../delivery/registry/references.ts";
import { type ReleaseRecord, readRecord } from "../../delivery/releases/record.ts";
import { recordText } from "../../delivery/releases/store.ts";
import { type Root, aboutDigest } from "./garbage.ts";
import type { Registry } from "./registry.ts";

/** A release record as the registry holds it. */
export interface FoundRecord {
  /** Repository of the records. */
  readonly repository: string;
  /** `sha256:…` of its manifest. */
  readonly digest: string;
  readonly tags: readonly string[];
  readonly record: ReleaseRecord;
}

/**
 * Reads all release records of a namespace.
 *
 * @throws InputError for a tag under which there is something else, or nothing that can be read.
 */
export async function readRecords(registry: Registry, namespace: string): Promise<FoundRecord[]> {
  const repository = `${namespace}/${releaseRepository}`;
  const tags = (await registry.listTags(repository)).filter(
    (tag) => aboutDigest(tag) === undefined,
  );
  const found = await Promise.all(
    tags.map(async (tag) => ({ tag, ...(await readTag(registry, repository, tag)) })),
  );
  const records = new Map<string, FoundRecord>();
  for (const { tag, digest, record } of found) {
    const known = records.get(digest)?.tags ?? [];
    records.set(digest, { repository, digest, tags: [...known, tag], record });
  }
  return [...records.values()];
}

/**
 * The records that are kept: of each kind, releases such as `v2.1.8` and those that content decides, the newest `keep`.
 * Releases are ordered by version, others by the time of their sources; those of one commit, and those without a time, cannot
 * be told apart, so they are kept together. What an alias such as `latest` points at is kept as well.
 */
export function newestRecords(records: readonly FoundRecord[], keep: number): FoundRecord[] {
  const versions = records
    .filter(({ record }) => isRelease(record.release))
    .sort((a, b) => newerFirst(a.record.release, b.record.release));
  const aliased = versions.filter(isAliased);
  const others = records.filter(({ record }) => !isRelease(record.release));
  const timed = others.flatMap(({ record }) => timeOf(record) ?? []).sort((a, b) => b - a);
  const oldest = timed[keep - 1] ?? -Infinity;
  return [
    ...new Set([...versions.slice(0, keep), ...aliased]),
    ...others.filter(({ record }) => (timeOf(record) ?? Infinity) >= oldest),
  ];
}

/** The records of what is deployed: those of which every chart is in use. */
export function deployedRecords(
  records: readonly FoundRecord[],
  running: readonly Root[],
): FoundRecord[] {
  const used = new Set(
    running.map(({ repository, reference = "" }) => `${repository}:${reference}`),
  );
  return records.filter(({ repository, record }) => {
    const charts = Object.values(record.charts).map(({ path, version, digest }) =>
      [version, digest].map((reference) => `${placeOf(repository, path)}:${reference}`),
    );
    return charts.length > 0 && charts.every((names) => names.some((name) => used.has(name)));
  });
}

/** Path of a part of a release in the registry, which is beside its record. */
function placeOf(repository: string, path: string): string {
  return repository.replace(/[^/]+$/, path);
}

function isAliased({ tags, record }: FoundRecord): boolean {
  return tags.some((tag) => tag !== record.release);
}

/** All that a release needs: its record, what that lists, the aliases that it has, and the tags of its images' content. */
export function recordRoots({ repository, digest, tags, record }: FoundRecord): Root[] {
  const by = `release ${record.release}`;
  const place = (path: string): string => placeOf(repository, path);
  const aliases = tags.filter((tag) => tag !== record.release);
  const images = Object.values(record.images).flatMap((image) => [
    ...[image.tag, image.digest, ...aliases].map((reference) => ({
      ...{ repository: place(image.path), reference, by },
    })),
    // Without it, the next release with the same content would be built again. Its line need not be the release's.
    { repository: place(image.path), tagEnd: contentTagEnd(image.key), by },
  ]);
  const charts = Object.values(record.charts).flatMap((chart) => [
    { repository: place(chart.path), reference: chart.version, by },
    { repository: place(chart.path), reference: chart.digest, by },
  ]);
  return [
    ...[digest, ...tags].map((reference) => ({ repository, reference, by })),
    ...images,
    ...charts,
  ];
}

async function readTag(
  registry: Registry,
  repository: string,
  tag: string,
): Promise<{ digest: string; record: ReleaseRecord }> {
  const where = `${registry.host}/${repository}:${tag}`;
  const manifest = await registry.getManifest(repository, tag);
  const text = manifest && (await recordText(registry, repository, manifest));
  if (!manifest || !text) {
    throw new InputError(
      `${where} holds no release record; delete that tag, or push the record again`,
    );
  }
  return { digest: manifest.digest, record: readRecord(text, where) };
}

/** Milliseconds since 1970; undefined where the record does not say. */
function timeOf({ source }: ReleaseRecord): number | undefined {
  const time = Date.parse(source?.time ?? "");
  return Number.isNaN(time) ? undefined : time;
}
