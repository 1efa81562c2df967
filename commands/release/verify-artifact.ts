import type { ReleaseSource } from "../../delivery/releases/record.ts";
import { type Attachments, readAttachments } from "../../delivery/signing/attachments.ts";
import {
  type ReadProvenance,
  buildTypes,
  readProvenance,
} from "../../delivery/signing/provenance.ts";
import { type SpdxDocument, describedDigest, readSbom } from "../../delivery/signing/sbom.ts";
import type { Statement } from "../../delivery/signing/sigstore-bundle.ts";
import { type Platform, platformProblems, readPlatforms } from "./platforms.ts";
import {
  type Check,
  type Findings,
  type Reading,
  type Verifier,
  checkAttached,
  checkSignature,
  checkTag,
} from "./verify-check.ts";

/** An image or a chart, and what a release says of it; what is undefined is what nobody says. */
export interface Expected {
  readonly kind: "image" | "chart";
  readonly name: string;
  /** Path in the registry. */
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
  readonly key?: string;
  readonly platforms?: readonly string[];
  readonly source?: ReleaseSource | undefined;
}

/** A digest of an artifact, and what people call it. */
interface About {
  readonly subject: string;
  readonly digest: string;
}

/** Checks an image with its platforms, or a chart. */
export async function verifyArtifact(verifier: Verifier, expected: Expected): Promise<Findings> {
  const { kind, name, repository, tag } = expected;
  const subject = `${kind} ${name}`;
  const tagged =
    tag === undefined ? undefined : await checkTag(verifier, subject, { ...expected, tag });
  const digest = expected.digest ?? tagged?.digest;
  const manifest =
    digest === undefined ? undefined : await verifier.reader.getManifest(repository, digest);
  if (!manifest) {
    const detail = `the registry has no ${repository}@${digest ?? ""}`;
    const missing: Check = { subject, check: "content", result: "absent", detail };
    return { checks: [...(tagged ? [tagged.check] : []), missing], documents: new Map() };
  }
  const about = { subject, digest: manifest.digest };
  const attachments = await readAttachments(verifier.reader, repository, manifest.digest);
  const signature = await checkSignature(verifier, about, attachments);
  const read = (statement: Statement): Reading<ReadProvenance> =>
    readExpected(statement.predicate, expected);
  const provenance = await checkAttached(verifier, about, "provenance", attachments, read);
  const own = [...(tagged ? [tagged.check] : []), signature, provenance.check];

  if (kind === "chart") {
    // What its images consist of is in their own lists.
    const { check } = await checkContents(verifier, about, attachments);
    return { checks: [...own, check], documents: new Map() };
  }
  const wanted = expected.platforms ?? provenance.value?.platforms;
  const platforms = await readPlatforms(verifier.reader, repository, manifest);
  const checks = [...own, checkPlatforms(subject, platforms, wanted)];
  const documents = new Map<string, SpdxDocument>();
  for (const { platform, digest: one } of platforms) {
    const isWhole = one === manifest.digest;
    const child = { subject: isWhole ? subject : `${subject} ${platform}`, digest: one };
    const its = isWhole ? attachments : await readAttachments(verifier.reader, repository, one);
    if (!isWhole) checks.push(await checkSignature(verifier, child, its));
    const { check, value } = await checkContents(verifier, child, its);
    checks.push(check);
    if (value) documents.set(child.subject, value);
  }
  return { checks, documents };
}

/** Checks the list of contents of a digest. */
function checkContents(verifier: Verifier, about: About, attachments: Attachments) {
  const read = ({ predicate }: Statement): Reading<SpdxDocument> => {
    const document = readSbom(predicate);
    if (!document) return { problem: "it is no SPDX 2.3 document" };
    const listed = describedDigest(document);
    if (listed !== about.digest) return { problem: `it lists ${listed ?? "nothing"}` };
    return { value: document, detail: `SPDX 2.3, ${document.packages.length} packages` };
  };
  return checkAttached(verifier, about, "sbom", attachments, read);
}

function checkPlatforms(
  subject: string,
  platforms: readonly Platform[],
  wanted: readonly string[] | undefined,
): Check {
  const problems = platformProblems(platforms, wanted);
  const failed = problems.length > 0;
  const detail = failed ? problems : platforms.map(({ platform }) => platform);
  return {
    subject,
    check: "platforms",
    result: failed ? "failed" : "ok",
    detail: detail.join(", "),
  };
}

/** Reads a provenance, and compares it with what the release, or the tag, says. */
function readExpected(predicate: unknown, expected: Expected): Reading<ReadProvenance> {
  const read = readProvenance(predicate);
  const { kind, name, tag, key, source } = expected;
  const tagKey = kind === "image" ? /-h([0-9a-f]{12})$/.exec(tag ?? "")?.[1] : undefined;
  if (read.buildType !== buildTypes[kind])
    return { problem: `it is of a build of type ${read.buildType}` };
  if (read.name !== name) return { problem: `it is of ${kind} ${read.name ?? "without a name"}` };
  if (kind === "chart" && tag !== undefined && read.version !== tag)
    return { problem: `it is of version ${read.version ?? "none"}, not of ${tag}` };
  if (tagKey !== undefined && read.key?.startsWith(tagKey) !== true)
    return { problem: `it is of sources with key ${read.key ?? "none"}, not of ${tagKey}` };
  if (key !== undefined && read.key !== key)
    return { problem: `it is of sources with key ${read.key ?? "none"}, not of ${key}` };
  const sameCommit = source === undefined || read.commit === source.commit;
  // Sources with the same key are the same, whichever commit they were built from first.
  if (!sameCommit && (key === undefined || read.commit === undefined))
    return { problem: `it is of commit ${read.commit ?? "none"}, not of ${source.commit}` };
  const commit = `commit ${read.commit ?? "unknown"}`;
  const parts = [
    read.repository === undefined ? commit : `${commit} of ${read.repository}`,
    ...(sameCommit ? [] : [`unchanged up to ${source.commit}`]),
    ...(read.dirty ? ["with changes that the commit does not hold"] : []),
    `built by ${read.builder ?? "nobody"}`,
  ];
  return { value: read, detail: parts.join(", ") };
}
