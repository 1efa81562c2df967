import { sha256 } from "../basics/sha256.ts";
import { imageManifestType } from "./media-types.ts";
import type { Descriptor } from "./types.ts";

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
