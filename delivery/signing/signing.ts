/** How what is published is signed. */
export type Signing = KeySigning | KeylessSigning;

/** Signatures by a key pair, which can be checked without any service. */
export interface KeySigning {
  readonly kind: "key";
  /** Private key: a path, `env://NAME`, or the address of a key service as cosign takes it. */
  readonly key: string;
  /** Path of the public key. */
  readonly publicKey: string;
}

/** Signatures by a short-lived certificate for an identity, kept in Sigstore's transparency log. */
export interface KeylessSigning {
  readonly kind: "keyless";
  /** Regular expression for the identity that signs. */
  readonly identity: string;
  /** Address of who confirms the identity. */
  readonly issuer: string;
}

/** What signing itself needs to know: who signs, and so whose signatures are not made again. */
export type Signer = Pick<KeySigning, "kind" | "key"> | KeylessSigning;

/** Only what signing itself needs to know, so that other settings do not make anything new. */
export function signer(signing: Signer): Signer {
  return signing.kind === "key" ? { kind: signing.kind, key: signing.key } : signing;
}

/** Settings that decide it; Pulumi.yaml declares them. */
export const signingKeys = [
  "signing",
  "signingKey",
  "signingPublicKey",
  "signingIdentity",
  "signingIssuer",
] as const;

/** Name of a setting of {@link signingKeys}. */
export type SigningKey = (typeof signingKeys)[number];

/** Text of each setting. */
export interface SigningConfiguration {
  require(key: SigningKey): string;
}

const kinds = ["none", "key", "keyless"];

/**
 * Reads how a stack signs; undefined where it does not. `reject` is told of each setting what it must be, or undefined
 * where it is right.
 */
export function readSigning(
  config: SigningConfiguration,
  reject: (key: SigningKey, value: string, allowed: string | undefined) => void,
): Signing | undefined {
  const kind = config.require("signing");
  const key = config.require("signingKey");
  const publicKey = config.require("signingPublicKey");
  const identity = config.require("signingIdentity");
  const issuer = config.require("signingIssuer");
  reject("signing", kind, kinds.includes(kind) ? undefined : `one of ${kinds.join(", ")}`);
  if (kind === "key") {
    // A key that was set by mistake must not get into a log.
    const shown = key.includes("PRIVATE KEY") ? "a private key" : key;
    reject("signingKey", shown, keyProblem(key));
    reject(
      "signingPublicKey",
      publicKey,
      publicKey.trim() === "" ? "the path of the public key, such as cosign.pub" : undefined,
    );
    return { kind, key, publicKey };
  }
  if (kind !== "keyless") return undefined;
  reject("signingIdentity", identity, identityProblem(identity));
  reject("signingIssuer", issuer, issuerProblem(issuer));
  return { kind, identity, issuer };
}

function keyProblem(key: string): string | undefined {
  const isPlace = key !== "" && key.trim() === key && !key.includes("\n");
  const isVariable = !key.startsWith("env://") || /^env:\/\/[A-Za-z_]\w*$/.test(key);
  return isPlace && isVariable
    ? undefined
    : "where the private key is: a path, env://NAME, or a key service such as awskms:///alias/name; never the key itself";
}

/** Without its start, an expression would also match an identity that somebody else made up around it. */
function identityProblem(identity: string): string | undefined {
  const allowed = `a regular expression from the start of the identity on, such as ^https://github\\.com/owner/repository/`;
  try {
    new RegExp(identity);
  } catch {
    return allowed;
  }
  return identity.startsWith("^") ? undefined : allowed;
}

function issuerProblem(issuer: string): string | undefined {
  return /^https:\/\/\S+$/.test(issuer)
    ? undefined
    : "the https address of who confirms the identity, such as https://token.actions.githubusercontent.com";
}
