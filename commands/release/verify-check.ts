import type { ArtifactReader } from "../../delivery/signing/artifact-reader.ts";
import type { Attachments } from "../../delivery/signing/attachments.ts";
import { type Authority, verifySignature } from "../../delivery/signing/verify-signature.ts";
import type { SpdxDocument } from "../../delivery/signing/sbom.ts";
import type { Attached, Statement } from "../../delivery/signing/sigstore-bundle.ts";

/** One question, and its answer. */
export interface Check {
  /** Such as `image webui linux/arm64`. */
  readonly subject: string;
  readonly check: CheckName;
  readonly result: Result;
  /** For people. */
  readonly detail: string;
}

/** What is asked. */
export type CheckName =
  "content" | "tag" | "release" | "platforms" | "licences" | "vulnerabilities" | Attached;

/** An answer; `listed` and `unknown` are no judgement. */
export type Result = "ok" | "failed" | "absent" | "listed" | "unknown";

/** What a verification reads with. */
export interface Verifier {
  readonly reader: ArtifactReader;
  readonly authority: Authority;
  readonly env: NodeJS.ProcessEnv;
}

/** What was found about some subjects. */
export interface Findings {
  readonly checks: readonly Check[];
  /** List of contents of each subject, where it could be trusted. */
  readonly documents: ReadonlyMap<string, SpdxDocument>;
}

/** What a statement says, or why that is wrong. */
export type Reading<Value> =
  | { readonly value: Value; readonly detail: string; readonly problem?: undefined }
  | { readonly problem: string };

/**
 * Looks for a statement of a kind that counts: one is enough, since anybody who may write to the registry can attach
 * others beside it. Resolves to what it says.
 */
export async function checkAttached<Value>(
  { authority, env }: Verifier,
  { subject, digest }: { readonly subject: string; readonly digest: string },
  kind: Attached,
  attachments: Attachments,
  read: (statement: Statement) => Reading<Value>,
): Promise<{ check: Check; value: Value | undefined }> {
  const problems = new Set<string>();
  for (const bundle of attachments[kind]) {
    const judged = await verifySignature(bundle, kind, digest, authority, env);
    const reading = judged.problem === undefined ? read(judged.statement) : judged;
    if (reading.problem === undefined) {
      const { value, detail } = reading;
      return { check: { subject, check: kind, result: "ok", detail }, value };
    }
    problems.add(reading.problem);
  }
  const absent = problems.size === 0;
  const detail = absent ? "nothing is attached" : [...problems].join("; ");
  return {
    check: { subject, check: kind, result: absent ? "absent" : "failed", detail },
    value: undefined,
  };
}

/** Checks the signature of a digest. */
export async function checkSignature(
  verifier: Verifier,
  about: { readonly subject: string; readonly digest: string },
  attachments: Attachments,
): Promise<Check> {
  const { authority } = verifier;
  const who = authority.kind === "key" ? authority.name : authority.identity;
  const read = (): Reading<true> => ({ value: true, detail: `by ${who}` });
  return (await checkAttached(verifier, about, "signature", attachments, read)).check;
}

/** Checks that a tag still leads to what it should; resolves to the digest that it leads to. */
export async function checkTag(
  { reader }: Verifier,
  subject: string,
  { repository, tag, digest }: { repository: string; tag: string; digest: string | undefined },
): Promise<{ check: Check; digest: string | undefined }> {
  const found = (await reader.getManifest(repository, tag))?.digest;
  const judge = (result: Result, detail: string) => ({
    check: { subject, check: "tag", result, detail } as const,
    digest: found,
  });
  if (found === undefined) return judge("absent", `the registry has no ${repository}:${tag}`);
  if (digest !== undefined && digest !== found)
    return judge("failed", `${tag} leads to ${found}, not to ${digest}`);
  return judge("ok", `${tag} is ${found}`);
}
