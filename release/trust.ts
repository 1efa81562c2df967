import { type KeyObject, createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../components/input-error";
import type { RegistryAddress } from "../components/registry-client";
import { Turns } from "../components/turns";
import type { ArtifactReader } from "./artifact-reader";
import { readAttachments } from "./attachments";
import { Cosign, publicKey } from "./cosign";
import {
  type Attached,
  type Bundle,
  isSignedBy,
  keyHint,
  predicateTypes,
  readStatement,
} from "./sigstore-bundle";
import type { Signer } from "./signing";
import { type Publication, type Subject, kindsOf, subjectsOf } from "./subjects";
import { listImage } from "./syft";

/** What is to be trusted, where it is, and who vouches for it. */
export interface TrustRequest extends Publication {
  readonly registry: RegistryAddress;
  readonly signing: Signer;
}

/** What is attached now; the same whether it was attached before or not. */
export interface TrustResult {
  /** Hint of the public key as in each bundle, or `keyless`. */
  readonly signer: string;
  /** What each `repository@sha256:…` has. */
  readonly subjects: Readonly<Record<string, readonly Attached[]>>;
}

/** Where {@link attachTrust} reads and tells. */
export interface TrustContext {
  readonly reader: ArtifactReader;
  readonly env: NodeJS.ProcessEnv;
  /** Takes a line for each subject. */
  readonly log: (line: string) => void;
}

const mostAtOnce = 3;

/**
 * Attaches signatures, lists of contents (SPDX) and provenance (SLSA) to what was published, as OCI referrers of its
 * digests. What the same signer attached before is left alone, so that a second run writes nothing.
 *
 * @throws InputError that names each subject for which it failed; the others are done.
 */
export async function attachTrust(
  request: TrustRequest,
  { reader, env, log }: TrustContext,
): Promise<TrustResult> {
  const { registry, signing } = request;
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-trust-"));
  try {
    const cosign = new Cosign(registry, signing, folder, env);
    const key =
      signing.kind === "key" ? createPublicKey(await publicKey(signing.key, env)) : undefined;
    const subjects = await subjectsOf(request, reader, (repository, image) =>
      listImage(registry, repository, image, folder, env),
    );
    await eachInTurn(subjects, async (subject) => {
      const started = performance.now();
      const attached = await attach(subject, reader, cosign, key);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const done =
        attached.length === 0 ? "nothing was missing" : `attached ${attached.join(", ")}`;
      log(`${subject.label}: ${done} (${seconds} s)`);
    });
    return {
      signer: key ? keyHint(key) : "keyless",
      subjects: Object.fromEntries(
        subjects.map((subject) => [`${subject.repository}@${subject.digest}`, kindsOf(subject)]),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Attaches what a subject lacks, one after the other, since each rewrites the list of its referrers. */
async function attach(
  subject: Subject,
  reader: ArtifactReader,
  cosign: Cosign,
  key: KeyObject | undefined,
): Promise<Attached[]> {
  const { label, repository, digest, statements } = subject;
  const missing = await missingOf(subject, reader, key);
  for (const kind of missing) {
    if (kind === "signature") await cosign.sign(repository, digest);
    else await cosign.attest(repository, digest, kind, await statements[kind]?.());
  }
  // Registries without an API for referrers keep them in a tag, of which the last writer wins.
  const lost = missing.length === 0 ? [] : await missingOf(subject, reader, key);
  if (lost.length === 0) return missing;
  throw new InputError(
    `${label}: ${lost.join(", ")} of ${repository}@${digest} got lost, since somebody else wrote there at the same time; run it again`,
  );
}

async function missingOf(
  subject: Subject,
  reader: ArtifactReader,
  key: KeyObject | undefined,
): Promise<Attached[]> {
  const { repository, digest } = subject;
  const attachments = await readAttachments(reader, repository, digest);
  return kindsOf(subject).filter(
    (kind) => !attachments[kind].some((bundle) => counts(bundle, kind, digest, key)),
  );
}

/** Whether a bundle is what would be attached: by the same key, or by some certificate where there is no key. */
function counts(
  bundle: Bundle,
  kind: Attached,
  digest: string,
  key: KeyObject | undefined,
): boolean {
  const signer = key ?? bundle.certificate?.publicKey;
  const statement = readStatement(bundle);
  return (
    signer !== undefined &&
    isSignedBy(bundle, signer) &&
    statement?.predicateType === predicateTypes[kind] &&
    statement.subjects.includes(digest)
  );
}

/** Does the work for a few items at once; a failure does not keep the others from being done. */
async function eachInTurn<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const turns = new Turns(mostAtOnce);
  const ended = await Promise.allSettled(items.map((item) => turns.take(() => work(item))));
  const failures = ended.flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  const problems = failures.map((error) => {
    if (!(error instanceof InputError)) throw error;
    return error.message;
  });
  if (problems.length > 0) throw new InputError(problems.join("\n"));
}
