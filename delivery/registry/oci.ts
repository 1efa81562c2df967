import { sha256 } from "../basics/sha256.ts";
import type { Descriptor } from "./types.ts";

/** Media type of an image's or artifact's manifest. */
export const imageManifestType = "application/vnd.oci.image.manifest.v1+json";

/** Media type of a list of manifests. */
export const imageIndexType = "application/vnd.oci.image.index.v1+json";

/** Media type of a chart's configuration. */
export const chartConfigType = "application/vnd.cncf.helm.config.v1+json";

/** Media type of an image's configuration. */
export const imageConfigType = "application/vnd.oci.image.config.v1+json";

/** Media types of manifests that name config and layers: OCI's and Docker's. */
export const imageTypes: readonly string[] = [
  imageManifestType,
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Media types of manifests that name other manifests: OCI's and Docker's. */
export const indexTypes: readonly string[] = [
  imageIndexType,
  "application/vnd.docker.distribution.manifest.list.v2+json",
];

/** Whether `text` is a SHA-256 digest as registries write it. */
export function isDigest(text: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

/** Whether `text` is a tag as registries take it. */
export function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

/** Start of a digest, as long as people need it. */
export function shortDigest(digest: string): string {
  return digest.slice(0, 19);
}

/** The blob of {@link emptyDescriptor}. */
export const emptyBlob = Buffer.from("{}");

/** Config of artifacts, which need none. Its blob must be pushed all the same. */
export const emptyDescriptor: Descriptor = descriptorOf(
  emptyBlob,
  "application/vnd.oci.empty.v1+json",
);

/** A blob or a manifest as others refer to it. */
export function descriptorOf(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

/** What an artifact is made of. */
export interface ArtifactParts {
  /** What it is, such as `application/vnd.tinyolly.release.v1+json`. */
  readonly artifactType: string;
  readonly layers: readonly Descriptor[];
  /** @default none */
  readonly annotations?: Readonly<Record<string, string>>;
  /** The manifest that it says something about. @default none */
  readonly subject?: Descriptor;
}

/** A manifest that can be put into a registry. */
export interface Artifact {
  readonly bytes: Buffer;
  readonly mediaType: string;
  /** `sha256:…` of its bytes. */
  readonly digest: string;
}

/** The OCI 1.1 manifest of an artifact; equal parts give equal bytes, whatever the order of annotations and the time. */
export function artifact({ artifactType, layers, annotations, subject }: ArtifactParts): Artifact {
  const manifest = {
    schemaVersion: 2,
    mediaType: imageManifestType,
    artifactType,
    config: emptyDescriptor,
    // The specification wants one layer at least.
    layers: layers.length === 0 ? [emptyDescriptor] : layers.map(inOrder),
    ...(subject && { subject: reference(subject) }),
    ...(annotations && { annotations: sorted(annotations) }),
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return { bytes, mediaType: imageManifestType, digest: `sha256:${sha256(bytes)}` };
}

function reference({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

function inOrder(descriptor: Descriptor): Descriptor {
  const { artifactType, annotations, platform } = descriptor;
  return {
    ...reference(descriptor),
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations: sorted(annotations) }),
    ...(platform !== undefined && { platform }),
  };
}

function sorted(annotations: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Tag under which the referrers of a `sha256:…` are listed where the registry does not list them. */
export function referrersTag(digest: string): string {
  return digest.replace(":", "-");
}
