import { fields, parseJson } from "../components/json-fields";
import type { ChildManifest } from "../components/registry-client";

/** A blob or a manifest, as a manifest, an index or a registry names it. */
export interface Descriptor {
  readonly mediaType: string;
  /** `sha256:…` of its bytes. */
  readonly digest: string;
  readonly size: number;
  /** Kind of a manifest that is no image, where it is told. */
  readonly artifactType?: string | undefined;
}

/** A manifest or an index with its bytes. */
export interface StoredManifest {
  /** `sha256:…` of {@link bytes}. */
  readonly digest: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
  /** The manifests of an index; none of a manifest. */
  readonly children: readonly Pick<ChildManifest, "digest" | "platform">[];
}

/** What is read of a registry to attach and to check trust; each answer is undefined, or empty, where there is none. */
export interface ArtifactReader {
  /** Host with an optional port. */
  readonly host: string;
  manifest(repository: string, reference: string): Promise<StoredManifest | undefined>;
  blob(repository: string, descriptor: Descriptor): Promise<Buffer | undefined>;
  /** Manifests whose subject has this `sha256:…`. */
  referrers(repository: string, digest: string): Promise<readonly Descriptor[]>;
}

/** What a manifest consists of. */
export interface Parts {
  /** Kind of the artifact: what the manifest says, else the media type of its config. */
  readonly artifactType: string;
  readonly config: Descriptor | undefined;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** Reads a manifest's parts; an index has none. */
export function partsOf({ bytes }: StoredManifest): Parts {
  const { artifactType, config, layers, annotations } = fields(parseJson(bytes));
  const described = readDescriptor(config);
  return {
    artifactType:
      typeof artifactType === "string" && artifactType !== ""
        ? artifactType
        : (described?.mediaType ?? ""),
    config: described,
    layers: (Array.isArray(layers) ? layers : []).flatMap((one) => readDescriptor(one) ?? []),
    annotations: fields(annotations),
  };
}

/** Reads a descriptor; undefined where a field is missing. */
export function readDescriptor(value: unknown): Descriptor | undefined {
  const { mediaType, digest, size, artifactType } = fields(value);
  if (typeof mediaType !== "string" || typeof digest !== "string" || typeof size !== "number")
    return undefined;
  return {
    mediaType,
    digest,
    size,
    ...(typeof artifactType === "string" ? { artifactType } : {}),
  };
}
