import { InputError } from "../../delivery/basics/input-error.ts";
import type { RegistryClient } from "../../delivery/registry/client.ts";
import { askForAll } from "../../delivery/registry/drift.ts";
import { releaseRepository } from "../../delivery/registry/references.ts";
import type { ReleaseRecord } from "../../delivery/releases/record.ts";
import {
  type ReleasePart,
  findStored,
  readRelease,
  recordRepository,
  releaseParts,
  sameContent,
} from "../../delivery/releases/store.ts";
import { claimTag } from "../../delivery/releases/tag.ts";
import type { Attester } from "../../delivery/signing/attester.ts";
import { formatBytes } from "../../platform/report/table.ts";
import { ArtifactCopier, type ArtifactSource, registryTarget } from "./artifact-copy.ts";

/** What {@link transferRelease} copies, and where. */
export interface Transfer {
  /** All that is copied, under the versions that it gets. */
  readonly record: ReleaseRecord;
  readonly source: ArtifactSource;
  /** Namespace in the source; `""` where its repositories have none. */
  readonly from: string;
  readonly target: RegistryClient;
  /** Namespace in the target. */
  readonly to: string;
  /** Signs what was copied before it gets its tags. @default - what was signed before stays so */
  readonly attest?: Attester | undefined;
  readonly log: (line: string) => void;
}

/**
 * Copies the images and charts of a release by digest, with what says something about them, and puts their tags there when
 * all of them are there: images first, charts after them. The record is left to whoever calls, since it goes last.
 *
 * @throws InputError when a version is taken by other content, before anything is copied, and again before anything is tagged.
 */
export async function transferRelease(transfer: Transfer): Promise<void> {
  const { record, source, from, target, to, attest, log } = transfer;
  const parts = releaseParts(record);
  await requireFree(transfer, parts, "copied");
  const copier = new ArtifactCopier(source, registryTarget(target));
  try {
    for (const { kind, name, path, digest } of parts) {
      const artifact = { from: below(from, path), to: below(to, path), digest };
      const { sent, bytes } = await copier.copy(artifact);
      log(`${kind} ${name}: ${sent === 0 ? "is there" : `copied, ${formatBytes(bytes)}`}`);
    }
  } finally {
    copier.close();
  }
  await attest?.(record, { images: true, charts: true });
  // All of that took its time.
  await requireFree(transfer, parts, "tagged");
  for (const { path, tag, digest } of parts)
    await claimTag(target, { repository: below(to, path), digest }, tag);
}

/** Path of a repository in a registry. */
export function below(namespace: string, path: string): string {
  return namespace === "" ? path : `${namespace}/${path}`;
}

async function requireFree(
  { record, target, to }: Transfer,
  parts: readonly ReleasePart[],
  left: "copied" | "tagged",
): Promise<void> {
  const existing = await readRelease(target, to, record.release);
  const answers = await askForAll(parts, async ({ path, tag }) => {
    return (await target.getManifest(below(to, path), tag))?.digest;
  });
  const taken = [...answers].flatMap(([{ kind, name, tag, digest }, there]) =>
    there === undefined || there === digest ? [] : [`${kind} ${name} ${tag} (${there})`],
  );
  const others =
    existing && !sameContent(existing.record, record) ? [`the record of ${record.release}`] : [];
  if (taken.length + others.length === 0) return;
  throw new InputError(
    `${target.host}/${to} has other content under the same versions: ${[...taken, ...others].join(", ")}; published ` +
      `versions are never overwritten, and nothing was ${left}, so give the release another version`,
  );
}

/**
 * Copies the record itself, as it is, and puts its tag there last of all. A record of the same images and charts that the target
 * has already stays, since origin and signatures are the target's own.
 *
 * @returns the `sha256:…` of the record that is there then.
 * @throws InputError when the version is taken by other images or charts.
 */
export async function transferRecord(
  { record, source, from, target, to }: Transfer,
  digest: string,
): Promise<string> {
  const existing = await findStored(target, to, record);
  if (existing !== undefined && existing !== digest) return existing;
  const repository = recordRepository(to);
  const copier = new ArtifactCopier(source, registryTarget(target));
  try {
    await copier.copy({ from: below(from, releaseRepository), to: repository, digest });
  } finally {
    copier.close();
  }
  await claimTag(target, { repository, digest }, record.release);
  return digest;
}
