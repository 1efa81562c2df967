import { describe, expect, test } from "vitest";
import { type SigningKey, readSigning, signer } from "../../../delivery/signing/signing.ts";

const defaults: Readonly<Record<SigningKey, string>> = {
  signing: "none",
  signingKey: "cosign.key",
  signingPublicKey: "cosign.pub",
  signingIdentity: "",
  signingIssuer: "https://token.actions.githubusercontent.com",
};

/** Reads settings that differ from the defaults; the problems are those that must be mended. */
function read(changes: Partial<Record<SigningKey, string>>) {
  const problems: (readonly string[])[] = [];
  const signing = readSigning(
    { require: (key) => ({ ...defaults, ...changes })[key] },
    (key, value, allowed) => {
      if (allowed !== undefined) problems.push([key, value, allowed]);
    },
  );
  return { signing, problems };
}

describe("signing is read:", () => {
  test("none, whatever the rest holds", () => {
    const rest = { signingKey: "", signingIdentity: "(", signingIssuer: "" };
    expect(read(rest)).toEqual({ signing: undefined, problems: [] });
  });

  test.each([
    "cosign.key",
    "keys/own key.pem",
    "env://COSIGN_PRIVATE_KEY",
    "awskms:///alias/release",
    "k8s://build/cosign",
  ])("by the key %s", (signingKey) => {
    expect(read({ signing: "key", signingKey, signingPublicKey: "release.pub" })).toEqual({
      signing: { kind: "key", key: signingKey, publicKey: "release.pub" },
      problems: [],
    });
  });

  test("by an identity", () => {
    const signingIdentity = "^https://github\\.com/owner/repository/";
    expect(read({ signing: "keyless", signingIdentity })).toEqual({
      signing: {
        kind: "keyless",
        identity: signingIdentity,
        issuer: "https://token.actions.githubusercontent.com",
      },
      problems: [],
    });
  });
});

test("what signing needs is the place of the key, or the identity and its issuer", () => {
  const key = { kind: "key", key: "cosign.key" } as const;
  const settings = { ...key, publicKey: "cosign.pub" };
  expect(signer(settings)).toEqual(key);
  const keyless = { kind: "keyless", identity: "^a", issuer: "https://issuer.test" } as const;
  expect(signer(keyless)).toEqual(keyless);
});

const place =
  "where the private key is: a path, env://NAME, or a key service such as awskms:///alias/name; never the key itself";
const identity =
  "a regular expression from the start of the identity on, such as ^https://github\\.com/owner/repository/";
const issuer =
  "the https address of who confirms the identity, such as https://token.actions.githubusercontent.com";

describe("a wrong setting is told:", () => {
  test.each<[Partial<Record<SigningKey, string>>, SigningKey, string]>([
    [{ signing: "gpg" }, "signing", "one of none, key, keyless"],
    [{ signing: "key", signingKey: "" }, "signingKey", place],
    [{ signing: "key", signingKey: " cosign.key" }, "signingKey", place],
    [{ signing: "key", signingKey: "env://" }, "signingKey", place],
    [{ signing: "key", signingKey: "env://A-B" }, "signingKey", place],
    [
      { signing: "key", signingPublicKey: " " },
      "signingPublicKey",
      "the path of the public key, such as cosign.pub",
    ],
    [{ signing: "keyless", signingIdentity: "^(" }, "signingIdentity", identity],
    [{ signing: "keyless", signingIdentity: "github.com" }, "signingIdentity", identity],
    [
      { signing: "keyless", signingIdentity: "^a", signingIssuer: "http://issuer.test" },
      "signingIssuer",
      issuer,
    ],
  ])("%j", (changes, key, allowed) => {
    expect(read(changes).problems).toEqual([[key, changes[key], allowed]]);
  });

  test("a key instead of its place, which is not shown", () => {
    const signingKey = "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nsecret\n";
    expect(read({ signing: "key", signingKey }).problems).toEqual([
      ["signingKey", "a private key", place],
    ]);
  });
});
