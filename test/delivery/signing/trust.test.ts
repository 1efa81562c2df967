import { createPrivateKey, createPublicKey } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { verify } from "../../../commands/release/verify.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import type { Descriptor } from "../../../delivery/registry/types.ts";
import { keyHint, predicateTypes } from "../../../delivery/signing/sigstore-bundle.ts";
import { type TrustRequest, attachTrust } from "../../../delivery/signing/trust.ts";
import { pathWith } from "../../commands/release/programs.ts";
import {
  builder,
  configType,
  found,
  key,
  platforms,
  publishRecord,
  recordOf,
  source,
  tag,
} from "../../commands/release/trusted-shop.ts";
import { indexOf, selfSigned } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { MemoryRegistry, bundleOf, keyPair } from "./memory-registry.ts";

const signer = keyPair();

/** Notes its arguments, keeps the predicate that it was given, and accepts what holds a line of `accepted`. */
const cosign = `
[ "$1" = public-key ] && exec cat own.pub
if [ "$1" = verify-blob-attestation ]; then
  echo "$*" >> judged
  grep -q --file=accepted "\${2#--bundle=}" && exit
  echo "Error: none of the expected identities matched" >&2; exit 1
fi
[ -n "$COSIGN_REPOSITORY" ] && exit 9
call=$(mktemp -p calls)
for word; do
  case $word in --predicate=*) cp "\${word#*=}" "$call.predicate" ;; esac
  last=$word
done
grep -q "$last" refused && { echo "Error: denied" >&2; exit 1; }
echo "$*" > "$call.draft"
# Whole, since another subject's call may look at the same time.
mv "$call.draft" "$call.arguments"
`;
const syft = `
for word; do case $word in --output=spdx-json@2.3=*) cp found.json "\${word##*=}" ;; esac; done
echo "$*" >> listed
`;

/** A registry to which the cosign of these tests attaches; `forgets` lets it lose what was attached. */
class SignedRegistry extends MemoryRegistry {
  public forgets = false;

  public override listReferrers(repository: string, digest: string): Promise<Descriptor[]> {
    for (const call of readdirSync("calls").filter((file) => file.endsWith(".arguments"))) {
      const line = readFileSync(join("calls", call), "utf8").trim();
      const [, where = "", at = ""] = /registry\.test\/(\S+)@(\S+)$/.exec(line) ?? [];
      const file = join("calls", call.replace(".arguments", ".predicate"));
      const predicate: unknown = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
      const kind = line.startsWith("sign")
        ? "signature"
        : line.includes("spdx")
          ? "sbom"
          : "provenance";
      if (!this.forgets) this.attach(where, at, kind, signer, predicate);
      lines.push(line.replaceAll(/=[^= ]*\/tinyolly-trust-[^= ]*\//g, "=FOLDER/"));
      rmSync(join("calls", call));
    }
    return super.listReferrers(repository, digest);
  }
}

const keyless = {
  kind: "keyless",
  identity: "^https://ci\\.test/",
  issuer: "https://issuer.test",
} as const;

let registry = new SignedRegistry();
/** What cosign was told. */
let lines: string[] = [];
let log: string[] = [];

beforeEach(() => {
  enterFolderWith({
    "own.pub": signer.publicKey.export({ type: "spki", format: "pem" }).toString(),
    "found.json": JSON.stringify(found),
    "calls/none": "",
    refused: "",
    accepted: keyHint(signer.publicKey),
  });
  registry = new SignedRegistry();
  [lines, log] = [[], []];
});

/** The shop without anything attached. */
function publish(): TrustRequest {
  const children = Object.fromEntries(
    platforms.map((platform) => {
      const [os, architecture] = platform.split("/");
      return [platform, registry.putImage("shop/web", { os, architecture }, configType)];
    }),
  );
  const attestation = { "unknown/unknown": registry.put("shop/web", { layers: [] }) };
  const digest = registry.put("shop/web", indexOf({ ...children, ...attestation }), tag);
  const helm = "application/vnd.cncf.helm.config.v1+json";
  const chart = registry.putImage("shop/charts/shop", {}, helm, "1.2.3");
  const record = publishRecord(registry, recordOf({ image: digest, chart }), "v2.1.8");
  return {
    registry: { host: "registry.test", tls: "verify" },
    signing: { kind: "key", key: "cosign.key" },
    images: [
      { name: "web", repository: "shop/web", digest, key, platforms, buildArgs: {}, bases: {} },
    ],
    charts: [
      {
        name: "shop",
        repository: "shop/charts/shop",
        digest: chart,
        key,
        version: "1.2.3",
        images: [{ name: "web", digest }],
      },
    ],
    record: { repository: "shop/releases", digest: record },
    source,
    builder,
  };
}

function attach(request: TrustRequest, env: NodeJS.ProcessEnv = {}) {
  return attachTrust(request, {
    reader: registry,
    env: { PATH: pathWith({ cosign, syft }), COSIGN_REPOSITORY: "elsewhere.test/all", ...env },
    log: (line) => log.push(line.replace(/[\d.]+ s/, "N s")),
  });
}

test("what is attached holds, and a second run attaches nothing", async () => {
  const request = publish();
  const result = await attach(request);
  const [image, chart] = [request.images[0]?.digest ?? "", request.charts[0]?.digest ?? ""];
  const children = (await registry.getManifest("shop/web", image))?.children ?? [];
  const [amd = "", arm = "", attestation = ""] = children.map(({ digest }) => digest);
  expect(result).toEqual({
    signer: keyHint(signer.publicKey),
    subjects: {
      [`shop/charts/shop@${chart}`]: ["signature", "sbom", "provenance"],
      [`shop/releases@${request.record?.digest ?? ""}`]: ["signature"],
      [`shop/web@${image}`]: ["signature", "provenance"],
      [`shop/web@${amd}`]: ["signature", "sbom"],
      [`shop/web@${arm}`]: ["signature", "sbom"],
    },
  });
  expect(await registry.listReferrers("shop/web", attestation)).toEqual([]);
  expect([...log].sort()).toEqual([
    "chart shop: attached signature, sbom, provenance (N s)",
    "image web linux/amd64: attached signature, sbom (N s)",
    "image web linux/arm64: attached signature, sbom (N s)",
    "image web: attached signature, provenance (N s)",
    "release record: attached signature (N s)",
  ]);
  const authority = { kind: "key", key: signer.publicKey, name: "own" } as const;
  const env = { PATH: "" };
  const ref = "registry.test/shop/releases:v2.1.8";
  expect(await verify({ ref, authority, reader: registry, env })).toMatchObject({ holds: true });

  [lines, log] = [[], []];
  expect(await attach(request)).toEqual(result);
  expect(lines).toEqual([]);
  expect(log).toHaveLength(5);
  expect(new Set(log.map((line) => line.replace(/^.*: /, "")))).toEqual(
    new Set(["nothing was missing (N s)"]),
  );
});

test("an image without an index has everything itself", async () => {
  const request = publish();
  const digest = registry.putImage("shop/web", { os: "linux" }, configType);
  const image = { name: "web", repository: "shop/web", digest, key, platforms: ["linux/riscv64"] };
  const images = [{ ...image, buildArgs: {}, bases: {} }];
  const { record, ...rest } = request;
  expect(record).toBeDefined();
  const { subjects } = await attach({ ...rest, images, charts: [] });
  expect(subjects).toEqual({ [`shop/web@${digest}`]: ["signature", "sbom", "provenance"] });
  expect(readFileSync("listed", "utf8")).toContain(" --platform=linux/riscv64 ");
});

describe("cosign is told", () => {
  const subject = "registry.test/shop/releases@";

  test("the key, and that it needs neither a log nor anybody's roots", async () => {
    const request = { ...publish(), images: [], charts: [] };
    await attach(request);
    expect(lines).toEqual([
      "sign --yes --key=cosign.key --signing-config=FOLDER/services.json --trusted-root=FOLDER/roots.json " +
        `${subject}${request.record?.digest ?? ""}`,
    ]);
  });

  test("nothing of a key where an identity signs", async () => {
    const request = { ...publish(), images: [], charts: [], signing: keyless };
    const digest = request.record?.digest ?? "";
    expect(await attach(request)).toMatchObject({ signer: "keyless" });
    expect(lines).toEqual([`sign --yes ${subject}${digest}`]);
  });

  test.each([
    ["plain-http", "--allow-http-registry"],
    ["skip-verify", "--allow-http-registry --allow-insecure-registry"],
  ] as const)("how to speak to a registry with %s", async (tls, flags) => {
    const request = { ...publish(), images: [], charts: [] };
    await attach({ ...request, registry: { host: "registry.test", tls } });
    expect(lines[0]).toContain(` ${flags} registry.test/`);
  });

  test("what each statement is", async () => {
    const { record, ...request } = publish();
    expect(record).toBeDefined();
    await attach({ ...request, images: [] });
    expect(lines.map((line) => line.replace(/ --yes.*/, "")).sort()).toEqual([
      "attest --type=slsaprovenance1 --predicate=FOLDER/provenance.json",
      "attest --type=spdxjson --predicate=FOLDER/sbom.json",
      "sign",
    ]);
  });
});

test("what another key signed, what was changed, and what is of something else does not count", async () => {
  const request = { ...publish(), images: [], charts: [] };
  const digest = request.record?.digest ?? "";
  const change = (text: string): string => text.replace("v1", "v2");
  const annotations = { "dev.sigstore.bundle.predicateType": predicateTypes.signature };
  registry.attach("shop/releases", digest, "signature", keyPair());
  registry.attach("shop/releases", digest, "signature", { ...signer, change });
  for (const bundle of [
    bundleOf(predicateTypes.signature, `sha256:${"d".repeat(64)}`, {}, signer),
    bundleOf(predicateTypes.sbom, digest, {}, signer),
  ])
    registry.attachBundle("shop/releases", digest, bundle, annotations);
  await attach(request);
  expect(lines).toHaveLength(1);
});

test("where an identity signs, what cosign does not accept from it does not count", async () => {
  const request = { ...publish(), images: [], charts: [], signing: keyless };
  const digest = request.record?.digest ?? "";
  const { key: pem, cert } = selfSigned();
  const stranger = { privateKey: createPrivateKey(pem), publicKey: createPublicKey(cert) };
  registry.attach("shop/releases", digest, "signature", { ...stranger, certificate: cert });
  await attach(request);
  await attach(request);
  expect(lines).toHaveLength(1);
  expect(log).toEqual([
    "release record: attached signature (N s)",
    "release record: nothing was missing (N s)",
  ]);
  for (const line of readFileSync("judged", "utf8").trim().split("\n"))
    expect(line).toMatch(
      / --certificate-identity-regexp=\^https:\/\/ci\\\.test\/ --certificate-oidc-issuer=https:\/\/issuer\.test$/,
    );
});

describe("it fails", () => {
  test("where an image is gone, before anything is attached", async () => {
    const request = publish();
    const digest = request.images[0]?.digest ?? "";
    registry.remove("shop/web", digest);
    await expect(attach(request)).rejects.toThrow(
      new InputError(
        `image "web": registry.test has no shop/web@${digest} any more; publish it again with make up`,
      ),
    );
    expect(lines).toEqual([]);
  });

  test("where cosign does, for that subject alone", async () => {
    const request = publish();
    const chart = request.charts[0]?.digest ?? "";
    writeFileSync("refused", `registry.test/shop/charts/shop@${chart}\n`);
    await expect(attach(request)).rejects.toThrow(
      new InputError(`cosign sign registry.test/shop/charts/shop@${chart} failed: Error: denied`),
    );
    expect(log).toHaveLength(4);
  });

  test("where syft does", async () => {
    const request = publish();
    const failing = [
      'echo "[0000] ERROR could not determine source" >&2',
      'echo "  - oci-registry: no such image" >&2',
      'echo "  - oci-model: no such model" >&2; exit 1',
    ].join("\n");
    const env = { PATH: pathWith({ cosign, syft: failing }) };
    const platformsOf = (await registry.getManifest("shop/web", request.images[0]?.digest ?? ""))
      ?.children;
    const messages = platformsOf
      ?.slice(0, 2)
      .map(({ digest }) => `syft could not list registry.test/shop/web@${digest}: no such image`);
    await expect(attach(request, env)).rejects.toThrow(InputError);
    const error = await attach(request, env).catch((reason: unknown) => reason);
    expect(error instanceof InputError && error.message.split("\n").sort()).toEqual(
      messages?.sort(),
    );
  });

  test("where what was attached is not there afterwards", async () => {
    registry.forgets = true;
    const request = { ...publish(), images: [], charts: [] };
    await expect(attach(request)).rejects.toThrow(
      new InputError(
        `release record: signature of shop/releases@${request.record?.digest ?? ""} got lost, since somebody else wrote ` +
          "there at the same time; run it again",
      ),
    );
  });

  test("where another identity signed than the stack's", async () => {
    writeFileSync("accepted", "");
    const request = { ...publish(), images: [], charts: [], signing: keyless };
    await expect(attach(request)).rejects.toThrow(
      new InputError(
        `release record: signature of shop/releases@${request.record?.digest ?? ""} does not count for ` +
          '"signingIdentity" ^https://ci\\.test/ and "signingIssuer" https://issuer.test ' +
          "(cosign does not accept it: Error: none of the expected identities matched); " +
          "sign with that identity, or set the one that signed: pulumi config set signingIdentity …",
      ),
    );
  });

  test("where cosign cannot read the key", async () => {
    const failing = "echo 'error during command execution: decryption failed' >&2; exit 1";
    await expect(attach(publish(), { PATH: pathWith({ cosign: failing }) })).rejects.toThrow(
      new InputError(
        'cosign cannot read the key "cosign.key" (decryption failed); check it, and COSIGN_PASSWORD, which must hold its password',
      ),
    );
  });
});
