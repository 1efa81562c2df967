import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  type IdentityAuthority,
  verifySignature,
  publicKeyOf,
  readPublicKey,
} from "../../../delivery/signing/verify-signature.ts";
import { predicateTypes, readBundle } from "../../../delivery/signing/sigstore-bundle.ts";
import { pathWith } from "../../commands/release/programs.ts";
import { selfSigned } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { bundleOf, keyPair } from "./memory-registry.ts";

const signer = keyPair();
const digest = `sha256:${"a".repeat(64)}`;
const pem = signer.publicKey.export({ type: "spki", format: "pem" }).toString();
const text = bundleOf(predicateTypes.sbom, digest, {}, signer);

function bundle(content = text) {
  const read = readBundle(Buffer.from(content));
  if (!read) throw new Error("no bundle was read");
  return read;
}

beforeEach(() => {
  enterFolderWith({ "cosign.pub": pem });
});

describe("a public key", () => {
  test("is read", () => {
    const { key, ...rest } = readPublicKey("cosign.pub");
    expect(rest).toEqual({ kind: "key", name: "cosign.pub" });
    expect(key.equals(signer.publicKey)).toBe(true);
  });

  test("that is not there, or none, is told", () => {
    const write = (file: string): string => `cosign public-key --key cosign.key > ${file}`;
    expect(() => readPublicKey("none.pub")).toThrow(
      new InputError(
        `there is no public key none.pub; name it with KEY=…, or write it: ${write("none.pub")}`,
      ),
    );
    enterFolderWith({ "cosign.pub": "no key" });
    expect(() => readPublicKey("cosign.pub")).toThrow(
      new InputError(`cosign.pub is no public key in PEM; write it anew: ${write("cosign.pub")}`),
    );
  });

  test("is never made of a private one", () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    expect(publicKeyOf(privateKey.export({ type: "pkcs8", format: "pem" }).toString())).toBe(
      undefined,
    );
    expect(publicKeyOf("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----")).toBe(
      undefined,
    );
  });
});

describe("by a key, a bundle", () => {
  const authority = { kind: "key", key: signer.publicKey, name: "cosign.pub" } as const;
  const other = { ...authority, key: keyPair().publicKey };

  test("that it signed counts", async () => {
    expect(await verifySignature(bundle(), "sbom", digest, authority, {})).toEqual({
      statement: { predicateType: predicateTypes.sbom, subjects: [digest], predicate: {} },
    });
  });

  test("that another key or an identity signed does not", async () => {
    expect(await verifySignature(bundle(), "sbom", digest, other, {})).toEqual({
      problem: "it is signed by another key than cosign.pub",
    });
    const { cert } = selfSigned();
    const signature = { ...signer, certificate: cert };
    const byIdentity = bundle(bundleOf(predicateTypes.sbom, digest, {}, signature));
    expect(await verifySignature(byIdentity, "sbom", digest, other, {})).toEqual({
      problem: "it is signed by IP Address:127.0.0.1, not by cosign.pub",
    });
  });

  test("that was changed does not", async () => {
    const changed = { ...bundle(), payload: Buffer.from("{}") };
    expect(await verifySignature(changed, "sbom", digest, authority, {})).toEqual({
      problem: "it was changed after cosign.pub signed it",
    });
  });

  test("of another kind, or about something else, does not", async () => {
    expect(await verifySignature(bundle(), "provenance", digest, authority, {})).toEqual({
      problem: "it states https://spdx.dev/Document",
    });
    expect(await verifySignature(bundle(), "sbom", "sha256:b", authority, {})).toEqual({
      problem: `it is about ${digest}`,
    });
  });
});

describe("by an identity, a bundle", () => {
  const authority: IdentityAuthority = {
    kind: "keyless",
    identity: "^https://ci\\.test/",
    issuer: "https://issuer.test",
  };
  const cosign = 'printf "%s\\n" "$@" > arguments; cp "${2#--bundle=}" bundle.json; ';

  test("counts when cosign accepts it, which gets the bundle and who must have signed it", async () => {
    const env = { PATH: pathWith({ cosign }) };
    const trusting = { ...authority, trustedRoot: "root.json" };
    expect(await verifySignature(bundle(), "sbom", digest, trusting, env)).toHaveProperty(
      "statement",
    );
    expect(readFileSync("bundle.json", "utf8")).toBe(text);
    const [command, file, ...rest] = readFileSync("arguments", "utf8").trim().split("\n");
    expect(command).toBe("verify-blob-attestation");
    expect(file).toMatch(/^--bundle=.*\/bundle\.json$/);
    expect(rest).toEqual([
      "--type=https://spdx.dev/Document",
      `--digest=${"a".repeat(64)}`,
      "--digestAlg=sha256",
      "--certificate-identity-regexp=^https://ci\\.test/",
      "--certificate-oidc-issuer=https://issuer.test",
      "--trusted-root=root.json",
    ]);
  });

  test("does not when cosign refuses it, whose last words are told", async () => {
    const refusing = `${cosign} echo "Error: a" >&2; echo "error during command execution: b" >&2; exit 1`;
    const env = { PATH: pathWith({ cosign: refusing }) };
    expect(await verifySignature(bundle(), "sbom", digest, authority, env)).toEqual({
      problem: "cosign does not accept it: b",
    });
    expect(readFileSync("arguments", "utf8")).not.toContain("trusted-root");
  });

  test("cannot be judged without cosign", async () => {
    await expect(
      verifySignature(bundle(), "sbom", digest, authority, { PATH: "" }),
    ).rejects.toThrow(
      new InputError(
        `cosign is not on PATH; install it, or run eval "$(make -s release-tools)" to build it`,
      ),
    );
  });
});
