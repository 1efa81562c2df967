import {
  type ReleaseRecord,
  type ReleaseSource,
  releaseRecordType,
} from "../../../delivery/releases/record.ts";
import { chartProvenance, imageProvenance } from "../../../delivery/signing/provenance.ts";
import { chartSbom, imageSbom } from "../../../delivery/signing/sbom.ts";
import type { MemoryRegistry, Signature } from "../../delivery/signing/memory-registry.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { indexOf } from "../../fake-registry.ts";
import { releasedImage } from "../../released-image.ts";

export const source: ReleaseSource = {
  commit: "c".repeat(40),
  time: "2026-11-20T10:00:00Z",
  repository: "https://git.test/shop",
  dirty: false,
};
export const builder = "https://ci.test/shop";
export const key = "ab".repeat(32);
export const tag = `v2.1.x-h${key.slice(0, 12)}`;
export const platforms = ["linux/amd64", "linux/arm64"];
export const configType = "application/vnd.oci.image.config.v1+json";

/** What syft finds in each image of the shop. */
export const found = {
  creationInfo: { created: "2026-11-21T08:00:00Z", creators: ["Tool: syft-1.57.1"] },
  packages: [
    { SPDXID: "SPDXRef-root", name: "web" },
    { SPDXID: "SPDXRef-b", name: "libssl", licenseDeclared: "NOASSERTION" },
    { SPDXID: "SPDXRef-a", name: "fastapi", licenseDeclared: "MIT" },
  ],
  relationships: [
    {
      spdxElementId: "SPDXRef-DOCUMENT",
      relationshipType: "DESCRIBES",
      relatedSpdxElement: "SPDXRef-root",
    },
  ],
};

/** Digests of what was published. */
export interface TrustedShop {
  readonly image: string;
  /** Manifest of each platform of the image. */
  readonly children: Readonly<Record<string, string>>;
  readonly chart: string;
  readonly record: string;
}

/** Publishes an image for two platforms, a chart and a record as `shop/…`, with all that is attached to them. */
export function publishTrusted(registry: MemoryRegistry, signature: Signature): TrustedShop {
  const children = Object.fromEntries(
    platforms.map((platform) => {
      const [os, architecture] = platform.split("/");
      return [platform, registry.putImage("shop/web", { os, architecture }, configType)];
    }),
  );
  const image = registry.put("shop/web", indexOf(children), tag);
  attachImage(registry, image, children, signature);
  const chart = registry.putImage(
    "shop/charts/shop",
    { name: "shop" },
    "application/vnd.cncf.helm.config.v1+json",
    "1.2.3",
  );
  const built = { name: "shop", version: "1.2.3", key, images: [{ name: "web", digest: image }] };
  registry.attach("shop/charts/shop", chart, "signature", signature);
  const list = chartSbom({ ...built, digest: chart }, source.time);
  registry.attach("shop/charts/shop", chart, "sbom", signature, list);
  const provenance = chartProvenance(built, source, builder);
  registry.attach("shop/charts/shop", chart, "provenance", signature, provenance);
  const record = publishRecord(registry, recordOf({ image, chart }), "v2.1.8");
  registry.attach("shop/releases", record, "signature", signature);
  return { image, children, chart, record };
}

/** Attaches to the image and each platform what belongs to them. */
export function attachImage(
  registry: MemoryRegistry,
  image: string,
  children: Readonly<Record<string, string>>,
  signature: Signature,
): void {
  const build = { name: "web", key, platforms, buildArgs: {}, bases: {} };
  registry.attach("shop/web", image, "signature", signature);
  const provenance = imageProvenance(build, source, builder);
  registry.attach("shop/web", image, "provenance", signature, provenance);
  for (const [platform, digest] of Object.entries(children)) {
    registry.attach("shop/web", digest, "signature", signature);
    const list = imageSbom(found, { name: "web", digest, platform }, source.time);
    registry.attach("shop/web", digest, "sbom", signature, list);
  }
}

/** Record of the shop's release. */
export function recordOf({ image, chart }: Pick<TrustedShop, "image" | "chart">): ReleaseRecord {
  return {
    form: 1,
    release: "v2.1.8",
    images: { web: releasedImage({ path: "web", key, tag, digest: image, platforms }) },
    charts: {
      shop: {
        path: "charts/shop",
        key,
        version: "1.2.3",
        digest: chart,
        pullFrom: "registry.test/shop",
        images: ["web"],
      },
    },
    source,
    tools: {},
  };
}

/** Publishes a record. Returns its digest. */
export function publishRecord(
  registry: MemoryRegistry,
  record: ReleaseRecord,
  release: string,
): string {
  const body = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    artifactType: releaseRecordType,
    config: registry.putBlob("{}", "application/vnd.oci.empty.v1+json"),
    layers: [registry.putBlob(JSON.stringify(record), releaseRecordType)],
  };
  return registry.put("shop/releases", body, release);
}
