import { beforeEach, describe, expect, test } from "vitest";
import { type VerifyReport, verify } from "../../../commands/release/verify.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import type { KeyAuthority } from "../../../delivery/signing/verify-signature.ts";
import { imageProvenance } from "../../../delivery/signing/provenance.ts";
import { imageSbom } from "../../../delivery/signing/sbom.ts";
import { MemoryRegistry, keyPair } from "../../delivery/signing/memory-registry.ts";
import { indexOf } from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import {
  type TrustedShop,
  attachImage,
  builder,
  configType,
  found,
  key,
  platforms,
  publishRecord,
  publishTrusted,
  recordOf,
  source,
  tag,
} from "./trusted-shop.ts";

const signer = keyPair();
const other = keyPair();
const authority: KeyAuthority = { kind: "key", key: signer.publicKey, name: "cosign.pub" };
const imageRef = `registry.test/shop/web:${tag}`;
const releaseRef = "registry.test/shop/releases:v2.1.8";
const somewhere = `sha256:${"d".repeat(64)}`;

let registry = new MemoryRegistry();
let shop: TrustedShop;

beforeEach(() => {
  registry = new MemoryRegistry();
  shop = publishTrusted(registry, signer);
});

/** Verifies without grype. */
function check(ref: string): Promise<VerifyReport> {
  return verify({ ref, authority, reader: registry, env: { PATH: folderWith({}) } });
}

/** Checks that did not hold, as lines. */
async function problems(ref: string): Promise<string[]> {
  const { checks, holds } = await check(ref);
  const bad = checks.filter(({ result }) => result === "failed" || result === "absent");
  expect(holds).toBe(bad.length === 0);
  return bad.map((one) => `${one.subject}: ${one.check} ${one.result}: ${one.detail}`);
}

describe("what was published and attached holds:", () => {
  test("an image, with each platform", async () => {
    const { arm, amd } = { arm: "image web linux/arm64", amd: "image web linux/amd64" };
    const commit = `commit ${source.commit} of https://git.test/shop, built by ${builder}`;
    const ok = (subject: string, name: string, detail: string) => ({
      subject,
      check: name,
      result: "ok",
      detail,
    });
    const listed = (subject: string) => ({
      subject,
      check: "licences",
      result: "listed",
      detail: "1 MIT; unknown for 1: libssl",
    });
    const licences = { packages: 2, counts: { MIT: 1 }, unknown: ["libssl"] };
    const problem = "no vulnerability database at hand (install grype and run grype db update)";
    expect(await check(imageRef)).toEqual({
      ref: `${imageRef}@${shop.image}`,
      kind: "image",
      holds: true,
      checks: [
        ok("image web", "tag", `${tag} is ${shop.image}`),
        ok("image web", "signature", "by cosign.pub"),
        ok("image web", "provenance", commit),
        ok("image web", "platforms", "linux/amd64, linux/arm64"),
        ...[amd, arm].flatMap((subject) => [
          ok(subject, "signature", "by cosign.pub"),
          ok(subject, "sbom", "SPDX 2.3, 3 packages"),
        ]),
        listed(amd),
        listed(arm),
        { subject: "image", check: "vulnerabilities", result: "unknown", detail: problem },
      ],
      licences: { [amd]: licences, [arm]: licences },
      vulnerabilities: { problem },
    });
  });

  test("an image by its digest alone, and one without an index", async () => {
    expect(await problems(`registry.test/shop/web@${shop.image}`)).toEqual([]);
    const config = { os: "linux", architecture: "arm64", variant: "v8" };
    const digest = registry.putImage("shop/web", config, configType);
    attachImage(registry, digest, {}, signer);
    const list = imageSbom(found, { name: "web", digest, platform: "linux/arm64" });
    registry.attach("shop/web", digest, "sbom", signer, list);
    expect(await problems(`registry.test/shop/web@${digest}`)).toEqual([
      "image web: platforms failed: linux/amd64 is missing",
    ]);
    const { checks } = await check(`registry.test/shop/web@${digest}`);
    expect(checks.map((one) => `${one.subject} ${one.check}`)).toEqual([
      "image web signature",
      "image web provenance",
      "image web platforms",
      "image web sbom",
      "image web licences",
      "image vulnerabilities",
    ]);
  });

  test("a chart", async () => {
    const { checks, kind } = await check("registry.test/shop/charts/shop:1.2.3");
    expect(kind).toBe("chart");
    expect(checks.map((one) => `${one.subject} ${one.check} ${one.result}`)).toEqual([
      "chart shop tag ok",
      "chart shop signature ok",
      "chart shop provenance ok",
      "chart shop sbom ok",
      "chart vulnerabilities unknown",
    ]);
  });

  test("a release, with all that it lists", async () => {
    const report = await check(releaseRef);
    expect(report).toMatchObject({ kind: "release", holds: true });
    expect(report.ref).toBe(`${releaseRef}@${shop.record}`);
    expect(report.checks.slice(0, 3)).toEqual([
      { subject: "release", check: "tag", result: "ok", detail: `v2.1.8 is ${shop.record}` },
      {
        subject: "release",
        check: "release",
        result: "ok",
        detail: `v2.1.8, of commit ${source.commit}`,
      },
      { subject: "release", check: "signature", result: "ok", detail: "by cosign.pub" },
    ]);
    const subjects = new Set(report.checks.map(({ subject }) => subject));
    expect([...subjects]).toEqual([
      "release",
      "image web",
      "image web linux/amd64",
      "image web linux/arm64",
      "chart shop",
    ]);
    expect(await problems(`registry.test/shop/releases@${shop.record}`)).toEqual([]);
  });

  test("where others attached something beside it", async () => {
    registry.attach("shop/web", shop.image, "signature", other);
    registry.attachBundle("shop/web", shop.image, "no bundle");
    expect(await problems(imageRef)).toEqual([]);
  });

  test("a release and an image by tags that move on purpose", async () => {
    registry.tag("shop/releases", "latest", shop.record);
    registry.tag("shop/web", "latest", shop.image);
    expect(await problems("registry.test/shop/releases:latest")).toEqual([]);
    expect(await problems("registry.test/shop/web:latest")).toEqual([]);
  });

  test("an image by its tag of a release, as the release says", async () => {
    registry.tag("shop/web", "v2.1.8", shop.image);
    expect(await problems("registry.test/shop/web:v2.1.8")).toEqual([]);
    // A record that was moved here is not of this release.
    const record = { ...recordOf({ ...shop, image: somewhere }), release: "v2.1.9" };
    const moved = publishRecord(registry, record, "v2.1.8");
    registry.attach("shop/releases", moved, "signature", signer);
    expect(await problems("registry.test/shop/web:v2.1.8")).toEqual([]);
  });

  test("an image that an earlier commit with the same sources was built into", async () => {
    const later = { ...recordOf(shop), source: { ...source, commit: "e".repeat(40) } };
    registry.attach("shop/releases", publishRecord(registry, later, "v2.1.8"), "signature", signer);
    expect(await problems(releaseRef)).toEqual([]);
    const { checks } = await check(releaseRef);
    const details = checks.flatMap((one) => (one.check === "provenance" ? one.detail : []));
    expect(details[0]).toContain(`unchanged up to ${"e".repeat(40)}`);
  });
});

describe("it fails:", () => {
  const subject = "image web linux/arm64";

  test("a signature by another key", async () => {
    await registry.detach("shop/web", shop.image);
    attachImage(registry, shop.image, {}, other);
    expect(await problems(imageRef)).toEqual([
      "image web: signature failed: it is signed by another key than cosign.pub",
      "image web: provenance failed: it is signed by another key than cosign.pub",
    ]);
  });

  test("nothing attached", async () => {
    const digest = shop.children["linux/arm64"] ?? "";
    await registry.detach("shop/web", digest);
    expect(await problems(imageRef)).toEqual([
      `${subject}: signature absent: nothing is attached`,
      `${subject}: sbom absent: nothing is attached`,
    ]);
  });

  test("a list of contents that was changed after it was signed", async () => {
    const digest = shop.children["linux/arm64"] ?? "";
    await registry.detach("shop/web", digest);
    registry.attach("shop/web", digest, "signature", signer);
    const list = imageSbom(found, { name: "web", digest, platform: "linux/arm64" });
    const change = (text: string): string => text.replace("libssl", "libtls");
    registry.attach("shop/web", digest, "sbom", { ...signer, change }, list);
    expect(await problems(imageRef)).toEqual([
      `${subject}: sbom failed: it was changed after cosign.pub signed it`,
    ]);
  });

  test("a list of contents of something else", async () => {
    const [amd = "", arm = ""] = Object.values(shop.children);
    await registry.detach("shop/web", arm);
    registry.attach("shop/web", arm, "signature", signer);
    const ofAmd = imageSbom(found, { name: "web", digest: amd, platform: "linux/amd64" });
    registry.attach("shop/web", arm, "sbom", signer, ofAmd);
    expect(await problems(imageRef)).toEqual([`${subject}: sbom failed: it lists ${amd}`]);
    registry.attach("shop/web", arm, "sbom", signer, { spdxVersion: "SPDX-3.0" });
    expect(await problems(imageRef)).toEqual([
      `${subject}: sbom failed: it lists ${amd}; it is no SPDX 2.3 document`,
    ]);
  });

  test("a platform that is missing, one that should not be there, and one that is another", async () => {
    const [amd = "", arm = ""] = Object.values(shop.children);
    const of = (children: Readonly<Record<string, string>>): string => {
      const digest = registry.put("shop/web", indexOf(children));
      attachImage(registry, digest, {}, signer);
      return `registry.test/shop/web@${digest}`;
    };
    expect(await problems(of({ "linux/amd64": amd }))).toEqual([
      "image web: platforms failed: linux/arm64 is missing",
    ]);
    expect(
      await problems(of({ "linux/amd64": amd, "linux/arm64": arm, "linux/386": arm })),
    ).toEqual([
      "image web: platforms failed: linux/386 should not be there, the image for linux/386 is one for linux/arm64",
    ]);
  });

  test("a platform whose manifest or configuration is gone or damaged", async () => {
    const digest = shop.children["linux/arm64"] ?? "";
    const config = JSON.stringify({ os: "linux", architecture: "arm64" });
    registry.damage(registry.putBlob(config, configType).digest, `${config}\n`);
    expect(await problems(imageRef)).toEqual([
      "image web: platforms failed: the image for linux/arm64 is not whole",
    ]);
    registry.remove("shop/web", digest);
    expect(await problems(imageRef)).toEqual([
      "image web: platforms failed: the image for linux/arm64 is not whole",
    ]);
  });

  test("a tag that was moved, or removed", async () => {
    const moved = registry.put("shop/web", indexOf({}), tag);
    expect(await problems(releaseRef)).toEqual([
      `image web: tag failed: ${tag} leads to ${moved}, not to ${shop.image}`,
    ]);
    expect(await problems(`${imageRef}@${shop.image}`)).toEqual([
      `image web: tag failed: ${tag} leads to ${moved}, not to ${shop.image}`,
    ]);
    registry.tag("shop/web", tag);
    expect(await problems(releaseRef)).toEqual([
      `image web: tag absent: the registry has no shop/web:${tag}`,
    ]);
  });

  test("a tag that was moved to something else that is signed", async () => {
    registry.tag("shop/web", "v2.1.x-h000000000000", shop.image);
    expect(await problems("registry.test/shop/web:v2.1.x-h000000000000")).toEqual([
      `image web: provenance failed: it is of sources with key ${key}, not of 000000000000`,
    ]);
    registry.tag("shop/charts/shop", "1.2.4", shop.chart);
    expect(await problems("registry.test/shop/charts/shop:1.2.4")).toEqual([
      "chart shop: provenance failed: it is of version 1.2.3, not of 1.2.4",
    ]);
    registry.tag("shop/releases", "v2.1.9", shop.record);
    expect(await problems("registry.test/shop/releases:v2.1.9")).toEqual([
      "release: release failed: v2.1.9 leads to the record of v2.1.8",
    ]);
  });

  test("a release's tag of an image that was moved to something else that is signed", async () => {
    const older = registry.put("shop/web", { ...Object(indexOf(shop.children)), annotations: {} });
    attachImage(registry, older, {}, signer);
    registry.tag("shop/web", "v2.1.8", older);
    const ref = "registry.test/shop/web:v2.1.8";
    expect(await problems(ref)).toEqual([
      `image web: tag failed: v2.1.8 leads to ${older}, not to ${shop.image}`,
    ]);
    // Without a release that counts, nobody says what it should be.
    await registry.detach("shop/releases", shop.record);
    expect(await problems(ref)).toEqual([]);
    registry.tag("shop/releases", "v2.1.8");
    expect(await problems(ref)).toEqual([]);
  });

  test("an artifact of a release that is gone", async () => {
    registry.remove("shop/web", shop.image);
    expect(await problems(releaseRef)).toEqual([
      `image web: tag absent: the registry has no shop/web:${tag}`,
      `image web: content absent: the registry has no shop/web@${shop.image}`,
    ]);
  });

  test("a record that another key signed", async () => {
    await registry.detach("shop/releases", shop.record);
    registry.attach("shop/releases", shop.record, "signature", other);
    expect(await problems(releaseRef)).toEqual([
      "release: signature failed: it is signed by another key than cosign.pub",
    ]);
  });

  describe("a provenance", () => {
    const build = { name: "web", key, platforms, buildArgs: {}, bases: {} };

    /** Lets the image have this provenance. */
    async function replace(provenance: unknown): Promise<void> {
      await registry.detach("shop/web", shop.image);
      registry.attach("shop/web", shop.image, "signature", signer);
      registry.attach("shop/web", shop.image, "provenance", signer, provenance);
    }

    test.each([
      [
        "of other sources",
        imageProvenance({ ...build, key: "00" }, source, builder),
        "it is of sources with key 00, not of abababababab",
      ],
      [
        "of another image",
        imageProvenance({ ...build, name: "api" }, source, builder),
        "it is of image api",
      ],
      [
        "of no commit",
        imageProvenance(build, undefined, builder),
        `it is of commit none, not of ${source.commit}`,
      ],
      ["of another kind of build", {}, "it is of a build of type undefined"],
    ])("%s", async (_, provenance, problem) => {
      await replace(provenance);
      expect(await problems(releaseRef)).toEqual([`image web: provenance failed: ${problem}`]);
    });

    test("of another key than the release says", async () => {
      const { images, ...record } = recordOf(shop);
      const web = { ...images["web"], key: `${key.slice(0, 12)}00` } as (typeof images)[string];
      const release = publishRecord(registry, { ...record, images: { web } }, "v2.1.8");
      registry.attach("shop/releases", release, "signature", signer);
      expect(await problems(releaseRef)).toEqual([
        `image web: provenance failed: it is of sources with key ${key}, not of ${key.slice(0, 12)}00`,
      ]);
    });

    test("of changes that no commit holds is accepted, and told", async () => {
      await replace(imageProvenance(build, { ...source, dirty: true }, builder));
      expect(await problems(imageRef)).toEqual([]);
      const { checks } = await check(imageRef);
      expect(checks.find((one) => one.check === "provenance")?.detail).toContain(
        "with changes that the commit does not hold",
      );
    });
  });

  test("a statement that says to be something else", async () => {
    const digest = shop.children["linux/arm64"] ?? "";
    await registry.detach("shop/web", digest);
    registry.attach("shop/web", digest, "signature", signer);
    registry.attach("shop/web", somewhere, "sbom", signer);
    const [stray] = await registry.listReferrers("shop/web", somewhere);
    const manifest = await registry.getManifest("shop/web", stray?.digest ?? "");
    // Tests write manifests in this form.
    const body = JSON.parse(manifest?.bytes.toString() ?? "") as object;
    registry.put("shop/web", { ...body, subject: { digest } });
    expect(await problems(imageRef)).toEqual([`${subject}: sbom failed: it is about ${somewhere}`]);
  });
});

describe("it cannot be told:", () => {
  test("where nothing is there", async () => {
    await expect(check("registry.test/shop/web:v0")).rejects.toThrow(
      new InputError(
        "the registry has no registry.test/shop/web:v0; name something that was published, or a release: " +
          "registry.test/…/releases:v2.1.8",
      ),
    );
  });

  test("where a record is damaged", async () => {
    const text = JSON.stringify(recordOf(shop));
    registry.damage(registry.putBlob(text, "").digest, `${text}\n`);
    await expect(check(releaseRef)).rejects.toThrow(
      new InputError(
        `the release record registry.test/shop/releases@${shop.record} is not whole; publish the release again, or copy it anew`,
      ),
    );
  });
});
