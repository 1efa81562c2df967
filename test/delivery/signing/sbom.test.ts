import { describe, expect, test } from "vitest";
import {
  chartSbom,
  describeLicences,
  describedDigest,
  imageSbom,
  licencesOf,
  readSbom,
} from "../../../delivery/signing/sbom.ts";

const digest = `sha256:${"a".repeat(64)}`;
const image = { name: "web", digest, platform: "linux/arm64" };

/** What syft writes, with a file and what refers to it. */
const found = {
  spdxVersion: "SPDX-2.3",
  name: "push.test:1/shop/web",
  documentNamespace: "https://anchore.com/syft/image/push.test-1/shop/web-4145545e",
  creationInfo: {
    licenseListVersion: "3.29",
    creators: ["Organization: Anchore, Inc", "Tool: syft-1.57.1"],
    created: "2026-11-25T12:49:57Z",
  },
  packages: [
    {
      SPDXID: "SPDXRef-b",
      name: "libssl",
      filesAnalyzed: true,
      packageVerificationCode: { packageVerificationCodeValue: "0" },
      hasFiles: ["SPDXRef-File"],
    },
    { SPDXID: "SPDXRef-a", name: "fastapi", filesAnalyzed: false, licenseDeclared: "MIT" },
    { SPDXID: "SPDXRef-DocumentRoot-Image-push.test-1-shop-web", name: "push.test:1/shop/web" },
  ],
  files: [{ SPDXID: "SPDXRef-File" }],
  relationships: [
    relation("SPDXRef-b", "CONTAINS", "SPDXRef-File"),
    relation("SPDXRef-b", "DEPENDENCY_OF", "SPDXRef-a"),
    relation("SPDXRef-DocumentRoot-Image-push.test-1-shop-web", "CONTAINS", "SPDXRef-a"),
    relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DocumentRoot-Image-push.test-1-shop-web"),
  ],
  hasExtractedLicensingInfos: [{ licenseId: "LicenseRef-1", name: "Our own" }],
};

function relation(from: string, type: string, to: string) {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

const root = (name: string, purl: string) => ({
  SPDXID: "SPDXRef-DocumentRoot",
  name,
  versionInfo: digest,
  supplier: "NOASSERTION",
  downloadLocation: "NOASSERTION",
  filesAnalyzed: false,
  checksums: [{ algorithm: "SHA256", checksumValue: "a".repeat(64) }],
  licenseConcluded: "NOASSERTION",
  licenseDeclared: "NOASSERTION",
  copyrightText: "NOASSERTION",
  externalRefs: [
    { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl },
  ],
  primaryPackagePurpose: "CONTAINER",
});

test("the list of an image has its packages, but no file, no clock and no registry", () => {
  const purl = `pkg:oci/web@sha256%3A${"a".repeat(64)}?arch=arm64`;
  expect(imageSbom(found, image, "2026-11-20T10:00:00Z")).toEqual({
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "web linux/arm64",
    documentNamespace: `https://tinyolly.dev/spdx/image/web/${"a".repeat(64)}`,
    creationInfo: { ...found.creationInfo, created: "2026-11-20T10:00:00Z" },
    packages: [
      root("web", purl),
      { SPDXID: "SPDXRef-a", name: "fastapi", filesAnalyzed: false, licenseDeclared: "MIT" },
      { SPDXID: "SPDXRef-b", name: "libssl", filesAnalyzed: false },
    ],
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DocumentRoot"),
      relation("SPDXRef-DocumentRoot", "CONTAINS", "SPDXRef-a"),
      relation("SPDXRef-b", "DEPENDENCY_OF", "SPDXRef-a"),
    ],
    hasExtractedLicensingInfos: found.hasExtractedLicensingInfos,
  });
});

test("the list of an image in no repository has the time that means none", () => {
  expect(imageSbom({}, image)["creationInfo"]).toEqual({ created: "1970-01-01T00:00:00Z" });
});

test("the list of a chart has its images", () => {
  const chart = { name: "shop", version: "1.2.3", digest, images: [{ name: "web", digest }] };
  const purl = (name: string): string => `pkg:oci/${name}@sha256%3A${"a".repeat(64)}`;
  expect(chartSbom(chart, "2026-11-20T10:00:00Z")).toEqual({
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: "shop 1.2.3",
    documentNamespace: `https://tinyolly.dev/spdx/chart/shop/${"a".repeat(64)}`,
    creationInfo: { created: "2026-11-20T10:00:00Z", creators: ["Tool: tinyolly-delivery"] },
    packages: [
      {
        ...root("shop", purl("shop")),
        versionInfo: "1.2.3",
        primaryPackagePurpose: "APPLICATION",
      },
      { ...root("web", purl("web")), SPDXID: "SPDXRef-Image-web" },
    ],
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-DocumentRoot"),
      relation("SPDXRef-DocumentRoot", "DEPENDS_ON", "SPDXRef-Image-web"),
    ],
  });
});

describe("of a list", () => {
  test("it is told what it is about", () => {
    expect(describedDigest(imageSbom(found, image))).toBe(digest);
    const { relationships, ...rest } = imageSbom(found, image);
    expect(relationships).toHaveLength(3);
    expect(describedDigest({ ...rest, relationships: [] })).toBeUndefined();
  });

  test("the licences are counted, and where none is known the package is named", () => {
    const packages = [
      { name: "a", SPDXID: "1", licenseDeclared: "MIT" },
      { name: "b", SPDXID: "2", licenseDeclared: "MIT", licenseConcluded: "Apache-2.0" },
      { name: "c", SPDXID: "3", licenseDeclared: "MIT", licenseConcluded: "NOASSERTION" },
      { name: "e", SPDXID: "4", licenseDeclared: "NONE" },
      { name: "d", SPDXID: "5" },
      { name: "f", SPDXID: "6", licenseDeclared: "LicenseRef-1" },
      { name: "g", SPDXID: "SPDXRef-root", licenseDeclared: "GPL" },
    ];
    const relationships = [relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-root")];
    const licences = licencesOf({ ...imageSbom(found, image), packages, relationships });
    expect(licences).toEqual({
      packages: 6,
      counts: { MIT: 2, "Apache-2.0": 1, "Our own": 1 },
      unknown: ["d", "e"],
    });
    expect(Object.keys(licences.counts)).toEqual(["MIT", "Apache-2.0", "Our own"]);
    expect(describeLicences(licences)).toBe("2 MIT, 1 Apache-2.0, 1 Our own; unknown for 2: d, e");
  });

  test("many licences and unknown ones are abridged", () => {
    const counts = Object.fromEntries(["a", "b", "c", "d", "e", "f", "g"].map((name) => [name, 1]));
    expect(describeLicences({ packages: 0, counts, unknown: ["u", "v", "w", "x", "y", "z"] })).toBe(
      "1 a, 1 b, 1 c, 1 d, 1 e and 2 more; unknown for 6: u, v, w, x, y and 1 more",
    );
    expect(describeLicences({ packages: 0, counts: {}, unknown: [] })).toBe("none known");
  });

  test("only SPDX 2.3 is read", () => {
    const list = imageSbom(found, image);
    expect(readSbom(list)).toBe(list);
    for (const change of [{ spdxVersion: "SPDX-3.0" }, { packages: 1 }, { relationships: 1 }])
      expect(readSbom({ ...list, ...change })).toBeUndefined();
  });
});
