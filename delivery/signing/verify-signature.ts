import { type KeyObject, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { cosignReason } from "./cosign.ts";
import { runTool } from "./run-tool.ts";
import {
  type Attached,
  type Bundle,
  type Statement,
  isSignedBy,
  keyHint,
  predicateTypes,
  readStatement,
} from "./sigstore-bundle.ts";

/** Whose signatures count. */
export type Authority = KeyAuthority | IdentityAuthority;

/** Who holds the private key that belongs to a public one. */
export interface KeyAuthority {
  readonly kind: "key";
  readonly key: KeyObject;
  /** What people call it, such as the path of its file. */
  readonly name: string;
}

/** An identity that Sigstore's certificate authority has confirmed. */
export interface IdentityAuthority {
  readonly kind: "keyless";
  /** Regular expression for the identity. */
  readonly identity: string;
  /** Address of who confirms it. */
  readonly issuer: string;
  /** File with Sigstore's trusted root. @default - the one that cosign fetches and keeps */
  readonly trustedRoot?: string | undefined;
}

/** What became of a bundle: what it states, or why that does not count. */
export type Judgement =
  { readonly statement: Statement; readonly problem?: undefined } | { readonly problem: string };

/**
 * Reads a public key in PEM.
 *
 * @throws InputError when the file is none.
 */
export function readPublicKey(file: string): KeyAuthority {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new InputError(
      `there is no public key ${file}; name it with KEY=…, or write it: cosign public-key --key cosign.key > ${file}`,
    );
  }
  const key = publicKeyOf(text);
  if (!key)
    throw new InputError(
      `${file} is no public key in PEM; write it anew: cosign public-key --key cosign.key > ${file}`,
    );
  return { kind: "key", key, name: file };
}

/** Reads a public key in PEM; undefined when the text is none, and for a private key. */
export function publicKeyOf(pem: string): KeyObject | undefined {
  if (!pem.includes("PUBLIC KEY")) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}

/** Judges a bundle that is attached to `digest`: who signed it, whether it was changed since, and what it is about. */
export async function verifySignature(
  bundle: Bundle,
  kind: Attached,
  digest: string,
  authority: Authority,
  env: NodeJS.ProcessEnv,
): Promise<Judgement> {
  const problem =
    authority.kind === "key"
      ? keyProblem(bundle, authority)
      : await identityProblem(bundle, kind, digest, authority, env);
  if (problem !== undefined) return { problem };
  const statement = readStatement(bundle);
  if (statement?.predicateType !== predicateTypes[kind])
    return { problem: `it states ${statement?.predicateType ?? "nothing"}` };
  if (!statement.subjects.includes(digest))
    return { problem: `it is about ${statement.subjects.join(", ") || "nothing"}` };
  return { statement };
}

function keyProblem(bundle: Bundle, { key, name }: KeyAuthority): string | undefined {
  if (isSignedBy(bundle, key)) return undefined;
  if (bundle.hint === keyHint(key)) return `it was changed after ${name} signed it`;
  return bundle.certificate
    ? `it is signed by ${bundle.certificate.subjectAltName ?? "an identity"}, not by ${name}`
    : `it is signed by another key than ${name}`;
}

/** Has cosign check certificate, transparency log and signature, which it does without the registry. */
async function identityProblem(
  { bytes }: Bundle,
  kind: Attached,
  digest: string,
  { identity, issuer, trustedRoot }: IdentityAuthority,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-bundle-"));
  try {
    const file = join(folder, "bundle.json");
    writeFileSync(file, bytes);
    const args = [
      "verify-blob-attestation",
      `--bundle=${file}`,
      `--type=${predicateTypes[kind]}`,
      `--digest=${digest.replace("sha256:", "")}`,
      "--digestAlg=sha256",
      `--certificate-identity-regexp=${identity}`,
      `--certificate-oidc-issuer=${issuer}`,
      ...(trustedRoot === undefined ? [] : [`--trusted-root=${trustedRoot}`]),
    ];
    const { status, stderr } = await runTool("cosign", args, env);
    return status === 0 ? undefined : `cosign does not accept it: ${cosignReason(stderr)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
