import { mediaTypes } from "./fake-registry-answers.ts";
import { type FakeRegistry, indexOf } from "./fake-registry.ts";

/** Puts an image for one platform into a registry, with its configuration; returns its digest. */
export function putImage(
  registry: FakeRegistry,
  repository: string,
  platform = "linux/amd64",
  content = platform,
): string {
  const [os, architecture, variant] = platform.split("/");
  const config = JSON.stringify({ os, architecture, variant, content });
  const digest = registry.setBlob(repository, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest,
      size: Buffer.byteLength(config),
    },
    layers: [],
  };
  return registry.setManifest(repository, `only-${platform.replaceAll("/", "-")}`, manifest);
}

/** Puts an image for several platforms into a registry; returns the digest of its index. */
export function putIndex(
  registry: FakeRegistry,
  repository: string,
  /** What the index says each manifest is for, and what that says itself. */
  platforms: Readonly<Record<string, string>>,
): string {
  const manifests = Object.entries(platforms).map(([claimed, actual]) => [
    claimed,
    putImage(registry, repository, actual, claimed),
  ]);
  // Each entry is a platform and a digest.
  const digests = Object.fromEntries(manifests) as Record<string, string>;
  const index = indexOf(
    digests,
    (digest) => registry.store.manifest(repository, digest)?.bytes.length ?? 0,
  );
  return registry.setManifest(repository, "index", index, mediaTypes.index);
}
