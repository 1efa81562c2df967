import { InputError } from "../../delivery/basics/input-error.ts";
import { releaseRepository } from "../../delivery/registry/references.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import { type ReleaseRecord, readRecord } from "../../delivery/releases/record.ts";
import { recordText } from "../../delivery/releases/store.ts";
import type { ArtifactReader } from "../../delivery/signing/artifact-reader.ts";
import { readAttachments } from "../../delivery/signing/attachments.ts";
import type { ArtifactReference } from "./reference.ts";
import { type Expected, verifyArtifact } from "./verify-artifact.ts";
import {
  type Check,
  type Findings,
  type Verifier,
  checkSignature,
  checkTag,
} from "./verify-check.ts";

/** What images of a release have as their tag. */
const releaseTag = /^v\d+\.\d+\.\d+/;

/**
 * Checks a release's record, and then all that it lists.
 *
 * @throws InputError when the record cannot be read.
 */
export async function verifyRelease(
  verifier: Verifier,
  { host, repository, tag, digest }: ArtifactReference,
  manifest: Manifest,
): Promise<Findings> {
  const { reader } = verifier;
  const about = { subject: "release", digest: manifest.digest };
  const attachments = await readAttachments(reader, repository, manifest.digest);
  const record = await readRecordOf(reader, repository, manifest, `${host}/${repository}`);
  const tagged =
    tag === undefined
      ? []
      : [
          (await checkTag(verifier, about.subject, { repository, tag, digest })).check,
          checkName(record, tag),
        ];
  const signature = await checkSignature(verifier, about, attachments);
  const listed = await Promise.all(
    artifactsOf(record, namespaceOf(repository)).map((artifact) =>
      verifyArtifact(verifier, artifact),
    ),
  );
  return {
    checks: [...tagged, signature, ...listed.flatMap(({ checks }) => checks)],
    documents: new Map(listed.flatMap(({ documents }) => [...documents])),
  };
}

/** What a release says of the image that has its tag; undefined where no release counts that lists the image. */
export async function findReleased(
  verifier: Verifier,
  { host, repository, tag = "" }: ArtifactReference,
): Promise<Expected | undefined> {
  if (!releaseTag.test(tag)) return undefined;
  const releases = `${namespaceOf(repository)}${releaseRepository}`;
  const manifest = await verifier.reader.getManifest(releases, tag);
  if (!manifest) return undefined;
  const about = { subject: "release", digest: manifest.digest };
  const attachments = await readAttachments(verifier.reader, releases, manifest.digest);
  const { result } = await checkSignature(verifier, about, attachments);
  if (result !== "ok") return undefined;
  const record = await readRecordOf(verifier.reader, releases, manifest, `${host}/${releases}`);
  if (record.release !== tag) return undefined;
  return artifactsOf(record, namespaceOf(repository)).find(
    (one) => one.kind === "image" && one.repository === repository,
  );
}

async function readRecordOf(
  reader: ArtifactReader,
  repository: string,
  manifest: Manifest,
  where: string,
): Promise<ReleaseRecord> {
  const text = await recordText(reader, repository, manifest);
  if (!text) {
    throw new InputError(
      `the release record ${where}@${manifest.digest} is not whole; publish the release again, or copy it anew`,
    );
  }
  return readRecord(text, `${where}@${manifest.digest}`);
}

/**
 * A tag that was moved to the record of another release would lead to what is signed, but is not what was asked for.
 * Tags such as `latest` are moved on purpose.
 */
function checkName({ release, source }: ReleaseRecord, tag: string): Check {
  const of = source ? `, of commit ${source.commit}` : "";
  const fits = release === tag || !/^v\d/.test(tag);
  return {
    subject: "release",
    check: "release",
    result: fits ? "ok" : "failed",
    detail: fits ? `${release}${of}` : `${tag} leads to the record of ${release}`,
  };
}

/** Path in the registry before a name, with the slash at its end. */
function namespaceOf(repository: string): string {
  return repository.slice(0, repository.lastIndexOf("/") + 1);
}

function artifactsOf({ images, charts, source }: ReleaseRecord, namespace: string): Expected[] {
  return [
    ...Object.entries(images).map(([name, { path, ...image }]): Expected => ({
      ...image,
      repository: `${namespace}${path}`,
      kind: "image",
      name,
      source,
    })),
    ...Object.entries(charts).map(([name, { path, key, version, digest }]): Expected => ({
      repository: `${namespace}${path}`,
      digest,
      key,
      kind: "chart",
      name,
      tag: version,
      source,
    })),
  ];
}
