import { fields, parseJson } from "../basics/json-fields.ts";
import { sha256 } from "../basics/sha256.ts";
import { RegistryFailure, checkAddress } from "./failure.ts";
import { imageTypes, indexTypes } from "./media-types.ts";
import { isDigest } from "./references.ts";
import type { ChildManifest, Descriptor, Manifest, RegistryResponse } from "./types.ts";

/** Media types of all manifests that can be read here. */
export const manifestTypes: readonly string[] = [...imageTypes, ...indexTypes];

/**
 * Reads a response as the manifest under a tag or a `sha256:…`.
 *
 * @throws RegistryFailure when it is no manifest, or one with another digest.
 */
export function readManifest(response: RegistryResponse, reference: string): Manifest {
  const manifest = parseManifest(response.body, requireManifestType(response));
  requireDigest(manifest.digest, saidDigest(response) ?? manifest.digest);
  if (reference.startsWith("sha256:")) requireDigest(manifest.digest, reference);
  return manifest;
}

/**
 * Parses the bytes of a manifest.
 *
 * @throws RegistryFailure when they are no manifest of that media type.
 */
export function parseManifest(bytes: Buffer, mediaType: string): Manifest {
  const { manifests, layers, config, artifactType, annotations, subject } = fields(
    parseJson(bytes),
  );
  const refersTo = fields(subject)["digest"];
  const common = {
    digest: `sha256:${sha256(bytes)}`,
    mediaType,
    bytes,
    annotations: readAnnotations(annotations),
    ...(typeof artifactType === "string" && { artifactType }),
    ...(typeof refersTo === "string" && { subject: refersTo }),
  };
  if (indexTypes.includes(mediaType)) {
    const children = list(manifests, mediaType).map((child) => readChild(child, mediaType));
    return { ...common, children, layers: [], blobs: [], size: 0 };
  }
  const layerBlobs = list(layers, mediaType).map(readDescriptor);
  const configBlob = config === undefined ? undefined : readDescriptor(config);
  const blobs = configBlob ? [configBlob, ...layerBlobs] : layerBlobs;
  return {
    ...common,
    children: [],
    layers: layerBlobs.map((layer) => layer.digest),
    ...(configBlob && { config: configBlob }),
    blobs,
    size: blobs.reduce((sum, blob) => sum + blob.size, 0),
  };
}

function list(value: unknown, mediaType: string): readonly unknown[] {
  if (!Array.isArray(value)) throw noManifest(mediaType);
  return value;
}

function readChild(child: unknown, type: string): ChildManifest {
  const descriptor = readDescriptor(child);
  if (!isDigest(descriptor.digest)) throw noManifest(type);
  const name = platformName(descriptor.platform);
  // BuildKit marks attestations so.
  const runs = name !== "" && fields(descriptor.platform)["os"] !== "unknown";
  const { digest } = descriptor;
  return { digest, platform: runs ? name : undefined, descriptor };
}

/** Platform such as `linux/arm64` of an index's entry, or of an image's configuration; empty where it names none. */
export function platformName(value: unknown): string {
  const { os, architecture, variant } = fields(value);
  return [os, architecture, variant].filter((part) => typeof part === "string" && part).join("/");
}

/** Reads a descriptor; fields that the registry left out are empty. */
export function readDescriptor(value: unknown): Descriptor {
  const { mediaType, digest, size, artifactType, annotations, platform } = fields(value);
  return {
    mediaType: typeof mediaType === "string" ? mediaType : "",
    digest: String(digest),
    size: typeof size === "number" ? size : 0,
    ...(typeof artifactType === "string" && { artifactType }),
    ...(annotations !== undefined && { annotations: readAnnotations(annotations) }),
    ...(platform !== undefined && { platform }),
  };
}

function readAnnotations(value: unknown): Readonly<Record<string, string>> {
  const texts = Object.entries(fields(value)).filter(
    (entry): entry is [string, string] => typeof entry[1] === "string",
  );
  return Object.fromEntries(texts);
}

/** Media type of a response, without parameters; empty where it has none. */
export function contentType({ headers }: RegistryResponse): string {
  return headers["content-type"]?.split(";")[0]?.trim() ?? "";
}

/** @throws RegistryFailure when the media type of a response is not that of a manifest. */
export function requireManifestType(response: RegistryResponse): string {
  const type = contentType(response);
  if (!manifestTypes.includes(type)) throw noManifest(type || "no content type");
  return type;
}

function noManifest(type: string): RegistryFailure {
  return new RegistryFailure(`the answer (200, ${type}) is no manifest; ${checkAddress}`);
}

/** Digest that the registry claims; undefined where it claims none, or one by another algorithm. */
export function saidDigest({ headers }: RegistryResponse): string | undefined {
  const said = headers["docker-content-digest"];
  return typeof said === "string" && said.startsWith("sha256:") ? said : undefined;
}

/** @throws RegistryFailure when the registry sent bytes with another digest. */
export function requireDigest(digest: string, expected: string): void {
  if (digest === expected) return;
  throw new RegistryFailure(
    `the registry sent ${digest} for ${expected}; its store or a proxy before it is damaged, so mend that, and push again`,
  );
}
