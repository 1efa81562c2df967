import { writeFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { clockProblem, signingProblem } from "../../../delivery/signing/signing-problem.ts";
import type { Signing } from "../../../delivery/signing/signing.ts";
import { pathWith } from "../../commands/release/programs.ts";
import { enterFolderWith } from "../../folders.ts";
import { keyPair } from "./memory-registry.ts";

const own = keyPair().publicKey.export({ type: "spki", format: "pem" }).toString();
const other = keyPair().publicKey.export({ type: "spki", format: "pem" }).toString();
const key: Signing = { kind: "key", key: "cosign.key", publicKey: "cosign.pub" };
const keyless: Signing = { kind: "keyless", identity: "^a", issuer: "https://issuer.test" };

const cosign = [
  'case "$1" in',
  "version) echo 'GitVersion:    v3.1.3' ;;",
  // As cosign decrypts a key: with the password of the environment.
  'public-key) [ "$COSIGN_PASSWORD" = right ] && cat own.pub && exit',
  "echo 'Error: bad' >&2; echo 'error during command execution: decryption failed' >&2; exit 1 ;;",
  "esac",
].join("\n");
const syft = "echo 'Application:   syft'; echo 'Version:       1.57.1'";

beforeEach(() => {
  enterFolderWith({ "cosign.key": "encrypted", "cosign.pub": own, "own.pub": own });
});

function problem(
  signing: Signing | undefined,
  env: NodeJS.ProcessEnv = {},
  scripts: Readonly<Record<string, string>> = { cosign, syft },
  toolsProvided = false,
): string | undefined {
  const all = { PATH: pathWith(scripts), COSIGN_PASSWORD: "right", ...env };
  return signingProblem(signing, all, toolsProvided);
}

describe("nothing stands in the way", () => {
  test("where nothing is signed", () => {
    expect(problem(undefined, {}, {})).toBeUndefined();
  });

  test.each(["cosign.key", "env://KEY", "awskms:///alias/release"])("of the key %s", (place) => {
    expect(problem({ ...key, key: place }, { KEY: "encrypted" })).toBeUndefined();
  });

  test("where the public key is not there yet", () => {
    expect(problem({ ...key, publicKey: "later.pub" })).toBeUndefined();
  });

  test.each<NodeJS.ProcessEnv>([
    { SIGSTORE_ID_TOKEN: "token" },
    { ACTIONS_ID_TOKEN_REQUEST_URL: "https://ci.test", ACTIONS_ID_TOKEN_REQUEST_TOKEN: "token" },
  ])("of an identity in %j", (env) => {
    expect(problem(keyless, env)).toBeUndefined();
  });

  test.each<[Signing, NodeJS.ProcessEnv]>([
    [key, {}],
    [keyless, { SIGSTORE_ID_TOKEN: "token" }],
  ])("of %j where the tools will be provided", (signing, env) => {
    expect(problem(signing, env, {}, true)).toBeUndefined();
    expect(problem(signing, env, { cosign: "echo 'GitVersion:    v2.6.5'" }, true)).toBeUndefined();
  });
});

describe("signing would fail", () => {
  const install = `install it, or run eval "$(make -s release-tools)" to build it`;

  test.each([
    ["without cosign", { syft }, `cosign is not on PATH, and signing needs it; ${install}`],
    ["without syft", { cosign }, `syft is not on PATH, and signing needs it; ${install}`],
    [
      "by an older cosign",
      { cosign: "echo 'GitVersion:    v2.6.5'", syft },
      `cosign on PATH is v2.6.5, and signing needs one like 3.1.3; ${install}`,
    ],
    [
      "by a syft that was built without a version",
      { cosign, syft: "echo 'Version: [not provided]'" },
      `syft on PATH is of an unknown version, and signing needs one like 1.57.1; ${install}`,
    ],
  ])("%s", (_, scripts, message) => {
    expect(problem(key, {}, scripts)).toBe(message);
  });

  test.each<[string, Signing, NodeJS.ProcessEnv, string]>([
    [
      "without the file of the key",
      { ...key, key: "none.key" },
      {},
      '"signingKey" is "none.key", but there is no such file; make a pair with cosign generate-key-pair, or name another one',
    ],
    [
      "without the variable of the key",
      { ...key, key: "env://KEY" },
      { KEY: "" },
      '"signingKey" is "env://KEY", but KEY is not set; put the private key there, as cosign generate-key-pair writes it',
    ],
    [
      "without a password",
      key,
      { COSIGN_PASSWORD: undefined },
      'COSIGN_PASSWORD is not set; it must hold the password of "cosign.key", and be empty where that has none',
    ],
    [
      "with a wrong password",
      key,
      { COSIGN_PASSWORD: "wrong" },
      'cosign cannot read the key "cosign.key" (decryption failed); check it and COSIGN_PASSWORD',
    ],
    [
      "with a key service that refuses",
      { ...key, key: "awskms:///alias/release" },
      { COSIGN_PASSWORD: undefined },
      'cosign cannot read the key "awskms:///alias/release" (decryption failed); check its address, and that this machine may use it',
    ],
    [
      "without an identity",
      keyless,
      { ACTIONS_ID_TOKEN_REQUEST_URL: "https://ci.test" },
      '"signing" is "keyless", but there is no identity to sign with; run it in a GitHub workflow that has ' +
        '"permissions: id-token: write", put a token into SIGSTORE_ID_TOKEN, or sign with a key: pulumi config set signing key',
    ],
  ])("%s", (_, signing, env, message) => {
    expect(problem(signing, env)).toBe(message);
  });

  test.each([
    [{ ...key, key: "none.key" }, /^"signingKey" is "none\.key", but there is no such file; /],
    [keyless, /^"signing" is "keyless", but there is no identity to sign with; /],
  ])("with %j, whatever tools are there", (signing, message) => {
    expect(problem(signing, {}, {})).toMatch(message);
    expect(problem(signing, {}, {}, true)).toMatch(message);
  });

  test("with a wrong password, where the tools will be provided and are there", () => {
    expect(problem(key, { COSIGN_PASSWORD: "wrong" }, { cosign, syft }, true)).toMatch(
      /^cosign cannot read the key "cosign\.key" /,
    );
  });

  test.each([other, "no key"])("in vain, where the public key is another one", (publicKey) => {
    writeFileSync("cosign.pub", publicKey);
    expect(problem(key)).toBe(
      '"signingPublicKey" is "cosign.pub", which does not belong to "cosign.key"; write it anew: ' +
        "cosign public-key --key cosign.key > cosign.pub",
    );
  });
});

describe("a clock", () => {
  const commit = new Date("2026-11-20T10:00:00Z");

  test("that is later than the newest commit is right, and so is one that is a little behind another machine's", () => {
    expect(clockProblem(new Date("2026-11-20T10:00:01Z"), commit)).toBeUndefined();
    expect(clockProblem(new Date("2026-11-19T10:00:00Z"), commit)).toBeUndefined();
  });

  test("that is earlier is wrong", () => {
    expect(clockProblem(new Date(12_000), commit)).toBe(
      "the clock says 1970-01-01T00:00:12.000Z, but the newest commit is of 2026-11-20T10:00:00.000Z; " +
        "set it (timedatectl set-ntp true)",
    );
    expect(clockProblem(new Date("2026-11-19T09:59:59Z"), commit)).toBeDefined();
  });
});
