import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  isSignedBy,
  keyHint,
  preAuthenticationEncoding,
  predicateTypes,
  readBundle,
  readStatement,
} from "../../../delivery/signing/sigstore-bundle.ts";
import { type Signature, bundleOf, keyPair } from "./memory-registry.ts";

const digest = `sha256:${"a".repeat(64)}`;

function signed(signature: Signature) {
  const bundle = readBundle(Buffer.from(bundleOf("type.test/v1", digest, { a: 1 }, signature)));
  if (!bundle) throw new Error("no bundle was read");
  return bundle;
}

test("what is signed is encoded as DSSE has it", () => {
  const payload = Buffer.from("hello world");
  expect(preAuthenticationEncoding("http://example.com/HelloWorld", payload).toString()).toBe(
    "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
  );
  expect(preAuthenticationEncoding("ü", Buffer.from("ü")).toString()).toBe("DSSEv1 2 ü 2 ü");
});

const pairs: readonly (readonly [string, Signature])[] = [
  ["P-256", keyPair()],
  ["P-384", { ...generateKeyPairSync("ec", { namedCurve: "P-384" }), algorithm: "sha384" }],
  ["P-521", { ...generateKeyPairSync("ec", { namedCurve: "P-521" }), algorithm: "sha512" }],
  ["RSA", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["Ed25519", { ...generateKeyPairSync("ed25519"), algorithm: null }],
];

describe.each(pairs)("a bundle that a key of %s signed", (_, pair) => {
  const bundle = signed(pair);

  test("is by that key, as it was", () => {
    expect(isSignedBy(bundle, pair.publicKey)).toBe(true);
    expect(bundle.hint).toBe(keyHint(pair.publicKey));
    expect(readStatement(bundle)).toEqual({
      predicateType: "type.test/v1",
      subjects: [digest],
      predicate: { a: 1 },
    });
  });

  test("is not by another one, and not with another content or type", () => {
    for (const [, { publicKey }] of pairs)
      expect(isSignedBy(bundle, publicKey)).toBe(publicKey === pair.publicKey);
    const payload = Buffer.from(bundle.payload.toString().replace('"a":1', '"a":2'));
    expect(isSignedBy({ ...bundle, payload }, pair.publicKey)).toBe(false);
    expect(isSignedBy({ ...bundle, payloadType: "text/plain" }, pair.publicKey)).toBe(false);
    expect(isSignedBy({ ...bundle, signatures: [] }, pair.publicKey)).toBe(false);
  });
});

test("a key that cannot sign has signed nothing", () => {
  const { publicKey } = generateKeyPairSync("x25519");
  expect(isSignedBy(signed(keyPair()), publicKey)).toBe(false);
});

test("a bundle that cosign 3.1.3 wrote is read, and is by the key of its hint", () => {
  const key = createPublicKey(
    [
      "-----BEGIN PUBLIC KEY-----",
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEJYnfi1DhBKelsIuny5pWeJa0Us4A",
      "Ex/9WFhH2aREMGVA8JQ4VFaOi6OO+4Jh1VpDMYnrbxgSPuQNzXsvIe0yJg==",
      "-----END PUBLIC KEY-----",
    ].join("\n"),
  );
  const payload = [
    "eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEiLCAic3ViamVjdCI6W3siZGln",
    "ZXN0Ijp7InNoYTI1NiI6IjBlMzIzNThkZTExMmY0NjExNTQ0ZGQ4ZTFmMWFiOGUyY2RlYjVkOTQ2NWQ3",
    "OTYyMmRiM2RjYThkZjFhYzc0ZTYifSwgImFubm90YXRpb25zIjp7fX1dLCAicHJlZGljYXRlVHlwZSI6",
    "Imh0dHBzOi8vc2lnc3RvcmUuZGV2L2Nvc2lnbi9zaWduL3YxIiwgInByZWRpY2F0ZSI6e319",
  ].join("");
  const sig =
    "MEUCIQDAHZj8WR86f6fDKjmwk57H1NEayWBYrCQKiQnr39Xh8gIgKd0NcYpzFw2ur74V8Y3yRa96s+tLPUArFKGremwbL1s=";
  const hint = "u01HG6ZqaTyx9golkdhaHw2XRaSS4tmjniMJZDJMH+s=";
  const written = {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint } },
    dsseEnvelope: { payload, payloadType: "application/vnd.in-toto+json", signatures: [{ sig }] },
  };
  const bundle = readBundle(Buffer.from(JSON.stringify(written)));
  expect(bundle && isSignedBy(bundle, key)).toBe(true);
  expect(keyHint(key)).toBe(hint);
  expect(bundle && readStatement(bundle)).toEqual({
    predicateType: predicateTypes.signature,
    subjects: ["sha256:0e32358de112f4611544dd8e1f1ab8e2cdeb5d9465d79622db3dca8df1ac74e6"],
    predicate: {},
  });
});

describe("what is no bundle with a statement is not read:", () => {
  test.each([
    ["text", "no JSON"],
    ["another form", "{}"],
    [
      "a signature of bytes",
      { messageSignature: { signature: "" }, verificationMaterial: { publicKey: {} } },
    ],
    [
      "another payload",
      { dsseEnvelope: { payload: "", payloadType: "text/plain", signatures: [] } },
    ],
    [
      "no signatures",
      { dsseEnvelope: { payload: "", payloadType: "application/vnd.in-toto+json" } },
    ],
  ])("%s", (_, content) => {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    expect(readBundle(Buffer.from(text))).toBeUndefined();
  });

  test("a payload that is no statement", () => {
    const bundle = signed(keyPair());
    expect(readStatement({ ...bundle, payload: Buffer.from("{}") })).toBeUndefined();
    expect(readStatement({ ...bundle, payload: Buffer.from("[") })).toBeUndefined();
  });
});
