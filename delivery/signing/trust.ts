import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { Limiter } from "../registry/limiter.ts";
import type { RegistryAddress } from "../registry/types.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import { readAttachments } from "./attachments.ts";
import { type Authority, verifySignature } from "./verify-signature.ts";
import { Cosign, publicKey } from "./cosign.ts";
import type { Signer } from "./signing.ts";
import { type Attached, keyHint } from "./sigstore-bundle.ts";
import { type Publication, type Subject, kindsOf, subjectsOf } from "./subjects.ts";
import { listImage } from "./syft.ts";

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
 * digests. What the same signer attached before is left alone, so that a second run writes nothing; what verifying would not accept
 * does not count.
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
    const authority = await authorityOf(signing, env);
    const look = (subject: Subject): Promise<Lack[]> => lacksOf(subject, reader, authority, env);
    const subjects = await subjectsOf(request, reader, (repository, image) =>
      listImage(registry, repository, image, folder, env),
    );
    await eachInTurn(subjects, async (subject) => {
      const started = performance.now();
      const attached = await attach(subject, cosign, authority, look);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const done =
        attached.length === 0 ? "nothing was missing" : `attached ${attached.join(", ")}`;
      log(`${subject.label}: ${done} (${seconds} s)`);
    });
    return {
      signer: authority.kind === "key" ? keyHint(authority.key) : "keyless",
      subjects: Object.fromEntries(
        subjects.map((subject) => [`${subject.repository}@${subject.digest}`, kindsOf(subject)]),
      ),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Something that a subject lacks. */
interface Lack {
  readonly kind: Attached;
  /** Why each of that kind that is attached does not count. */
  readonly refusals: readonly string[];
}

/** Whose signatures count: the same that verifying asks for. */
async function authorityOf(signing: Signer, env: NodeJS.ProcessEnv): Promise<Authority> {
  if (signing.kind === "keyless") return signing;
  const { kind, key: name } = signing;
  return { kind, name, key: createPublicKey(await publicKey(name, env)) };
}

/** Attaches what a subject lacks, one after the other, since each rewrites the list of its referrers. */
async function attach(
  subject: Subject,
  cosign: Cosign,
  authority: Authority,
  look: (subject: Subject) => Promise<Lack[]>,
): Promise<Attached[]> {
  const { label, repository, digest, statements } = subject;
  const before = await look(subject);
  const missing = before.map(({ kind }) => kind);
  for (const kind of missing) {
    if (kind === "signature") await cosign.sign(repository, digest);
    else await cosign.attest(repository, digest, kind, await statements[kind]?.());
  }
  const after = missing.length === 0 ? [] : await look(subject);
  if (after.length === 0) return missing;
  const what = `${label}: ${after.map(({ kind }) => kind).join(", ")} of ${repository}@${digest}`;
  if (authority.kind === "keyless" && after.some((lack) => isRefused(lack, before))) {
    const reasons = [...new Set(after.flatMap(({ refusals }) => refusals))].join("; ");
    throw new InputError(
      `${what} does not count for "signingIdentity" ${authority.identity} and "signingIssuer" ${authority.issuer} ` +
        `(${reasons}); sign with that identity, or set the one that signed: pulumi config set signingIdentity …`,
    );
  }
  // Registries without an API for referrers keep them in a tag, of which the last writer wins.
  throw new InputError(
    `${what} got lost, since somebody else wrote there at the same time; run it again`,
  );
}

/** Whether more does not count than before, so that what was attached is there. */
function isRefused({ kind, refusals }: Lack, before: readonly Lack[]): boolean {
  const known = before.find((lack) => lack.kind === kind)?.refusals ?? [];
  return refusals.length > known.length;
}

async function lacksOf(
  subject: Subject,
  reader: ArtifactReader,
  authority: Authority,
  env: NodeJS.ProcessEnv,
): Promise<Lack[]> {
  const { repository, digest } = subject;
  const attachments = await readAttachments(reader, repository, digest);
  const lacks: Lack[] = [];
  for (const kind of kindsOf(subject)) {
    const refusals: string[] = [];
    let counts = false;
    for (const bundle of attachments[kind]) {
      const { problem } = await verifySignature(bundle, kind, digest, authority, env);
      counts = problem === undefined;
      if (problem === undefined) break;
      refusals.push(problem);
    }
    if (!counts) lacks.push({ kind, refusals });
  }
  return lacks;
}

/** Does the work for a few items at once; a failure does not keep the others from being done. */
async function eachInTurn<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const limiter = new Limiter(mostAtOnce);
  const ended = await Promise.allSettled(items.map((item) => limiter.run(() => work(item))));
  const failures = ended.flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  const problems = failures.map((error) => {
    if (!(error instanceof InputError)) throw error;
    return error.message;
  });
  if (problems.length > 0) throw new InputError(problems.join("\n"));
}
