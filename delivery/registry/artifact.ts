import { sha256 } from "../basics/sha256.ts";
import { imageManifestType } from "./media-types.ts";
import type { Descriptor } from "./types.ts";

/** The blob of {@link emptyDescriptor}. */
export const emptyBlob = Buffer.from("{}");

/** Config of artifacts, which need none; the specification wants its blob to be pushed all the same. */
export const emptyDescriptor: Descriptor = descriptorOf(
  emptyBlob,
  "application/vnd.oci.empty.v1+json",
);

/** Describes bytes as a descriptor that others can refer to. */
export function descriptorOf(bytes: Buffer, mediaType: string): Descriptor {
  return { mediaType, digest: `sha256:${sha256(bytes)}`, size: bytes.length };
}

/** Parts of an artifact's manifest. */
export interface ArtifactParts {
  /** Kind of artifact, such as `application/vnd.tinyolly.release.v1+json`. */
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

/** Builds the OCI 1.1 manifest of an artifact; equal parts give equal bytes, whatever the order of annotations. */
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
