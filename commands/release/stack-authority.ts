import { InputError } from "../../delivery/basics/input-error.ts";
import { type Authority, readPublicKey } from "../../delivery/signing/verify-signature.ts";

/** Options of commands that check signatures; what is left out is what the stack says. */
export const authorityOptions = {
  key: { type: "string" },
  identity: { type: "string" },
  issuer: { type: "string" },
  "trusted-root": { type: "string" },
} as const;

/** What was given for {@link authorityOptions}. */
export type AuthorityOptions = {
  readonly [Name in keyof typeof authorityOptions]?: string | undefined;
};

/** Text of a stack's setting; empty where it has none. */
export type Setting = (key: string) => string;

/**
 * Whose signatures count for a stack.
 *
 * @throws InputError for a public key that cannot be read, and for an identity without its issuer.
 */
export function readAuthority(options: AuthorityOptions, setting: Setting): Authority {
  const { key, "trusted-root": trustedRoot } = options;
  const keyless = setting("signing") === "keyless" && key === undefined;
  const publicKey = key ?? setting("signingPublicKey");
  if (options.identity === undefined && !keyless && publicKey === "")
    throw new InputError(
      "this stack signs nothing, so there is no public key; give one with KEY=FILE, or name a stack that signs with STACK=…",
    );
  if (options.identity === undefined && !keyless) return readPublicKey(publicKey);
  const identity = options.identity ?? setting("signingIdentity");
  const issuer = options.issuer ?? setting("signingIssuer");
  if (identity !== "" && issuer !== "") return { kind: "keyless", identity, issuer, trustedRoot };
  throw new InputError(
    "an identity needs its issuer; give both, or set signingIdentity and signingIssuer: pulumi config set signingIssuer …",
  );
}

/** The same where signatures may be left unchecked: undefined where nobody is named and the stack signs nothing. */
export function readOptionalAuthority(
  options: AuthorityOptions,
  setting: Setting,
): Authority | undefined {
  const isNamed = options.key !== undefined || options.identity !== undefined;
  if (!isNamed && ["", "none"].includes(setting("signing"))) return undefined;
  return readAuthority(options, setting);
}
