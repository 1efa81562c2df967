import { type KeyObject, X509Certificate, createHash, verify } from "node:crypto";
import { fields, parseJson } from "../basics/json-fields.ts";

/** Start of the media type of each version of the bundle. */
export const bundleType = "application/vnd.dev.sigstore.bundle";

/** What a bundle states of its subject, by the type of its predicate. */
export const predicateTypes = {
  signature: "https://sigstore.dev/cosign/sign/v1",
  sbom: "https://spdx.dev/Document",
  provenance: "https://slsa.dev/provenance/v1",
} as const;

/** Name of something that is attached to a digest. */
export type Attached = keyof typeof predicateTypes;

/** A Sigstore bundle as it was read: nothing of it is true before its signature was checked. */
export interface Bundle {
  /** Its text. */
  readonly bytes: Buffer;
  readonly payloadType: string;
  /** An in-toto statement, as it was signed. */
  readonly payload: Buffer;
  readonly signatures: readonly Buffer[];
  /** Which key is said to have signed; see {@link keyHint}. */
  readonly hint: string | undefined;
  /** Certificate of an identity that is said to have signed. */
  readonly certificate: X509Certificate | undefined;
}

/** What a bundle states. */
export interface Statement {
  readonly predicateType: string;
  /** `sha256:…` of all that it is about. */
  readonly subjects: readonly string[];
  readonly predicate: unknown;
}

const statementType = "application/vnd.in-toto+json";

/** Reads a bundle that holds a statement; undefined when the bytes are none. */
export function readBundle(bytes: Buffer): Bundle | undefined {
  const { verificationMaterial, dsseEnvelope } = fields(parseJson(bytes));
  const { payload, payloadType, signatures } = fields(dsseEnvelope);
  if (typeof payload !== "string" || payloadType !== statementType || !Array.isArray(signatures))
    return undefined;
  const { publicKey, certificate, x509CertificateChain } = fields(verificationMaterial);
  const { certificates } = fields(x509CertificateChain);
  const leaf: unknown = certificate ?? (Array.isArray(certificates) ? certificates[0] : undefined);
  const { hint } = fields(publicKey);
  return {
    bytes,
    payloadType,
    payload: Buffer.from(payload, "base64"),
    signatures: signatures.map((one) => Buffer.from(String(fields(one)["sig"]), "base64")),
    hint: typeof hint === "string" ? hint : undefined,
    certificate: readCertificate(fields(leaf)["rawBytes"]),
  };
}

/** What a bundle states; undefined when it is no statement. */
export function readStatement({ payload }: Bundle): Statement | undefined {
  const { predicateType, subject, predicate } = fields(parseJson(payload));
  if (typeof predicateType !== "string" || !Array.isArray(subject)) return undefined;
  const digests = subject.map((one) => fields(fields(one)["digest"])["sha256"]);
  return {
    predicateType,
    subjects: digests.flatMap((one) => (typeof one === "string" ? [`sha256:${one}`] : [])),
    predicate,
  };
}

/** Whether the key signed the bundle's payload under its type. */
export function isSignedBy({ payloadType, payload, signatures }: Bundle, key: KeyObject): boolean {
  const signed = preAuthenticationEncoding(payloadType, payload);
  return signatures.some((signature) =>
    algorithms(key).some((algorithm) => verify(algorithm, signed, key, signature)),
  );
}

/** How a bundle names the key that signed it: base64 of the SHA-256 of the public key. */
export function keyHint(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("base64");
}

/** What DSSE signs, so that neither part can pass for the other. */
export function preAuthenticationEncoding(type: string, payload: Buffer): Buffer {
  const header = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(header), payload]);
}

/** Digests with which a key of its type signs; key services choose the longer ones for longer keys. */
function algorithms({ asymmetricKeyType }: KeyObject): (string | undefined)[] {
  if (asymmetricKeyType === "ed25519") return [undefined];
  return asymmetricKeyType === "ec" || asymmetricKeyType === "rsa"
    ? ["sha256", "sha384", "sha512"]
    : [];
}

function readCertificate(rawBytes: unknown): X509Certificate | undefined {
  if (typeof rawBytes !== "string") return undefined;
  try {
    return new X509Certificate(Buffer.from(rawBytes, "base64"));
  } catch {
    return undefined;
  }
}
