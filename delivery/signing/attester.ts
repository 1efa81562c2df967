import { noteTiming } from "../basics/timings.ts";
import type { RegistryClient } from "../registry/client.ts";
import { unknownBuilder } from "../releases/origin.ts";
import type { ReleaseRegistry, ReleaseRecord, ReleasedImage } from "../releases/record.ts";
import { recordRepository } from "../releases/store.ts";
import type { Ingredient } from "./provenance.ts";
import type { Signer } from "./signing.ts";
import type { Publication, TrustedImage } from "./subjects.ts";
import { attachTrust } from "./trust.ts";

/** Where a release is, and who signs it. */
export interface AttesterOptions {
  readonly registry: ReleaseRegistry;
  /** Undefined where nothing is signed. */
  readonly signing: Signer | undefined;
  readonly client: RegistryClient;
}

/** What a release holds, and where that comes from. */
export type AttestedRelease = Pick<ReleaseRecord, "images" | "charts" | "source" | "builder">;

/** What of a release is signed and described now. */
export interface AttestedParts {
  /** @default false */
  readonly images?: boolean;
  /** @default false */
  readonly charts?: boolean;
  /** `sha256:…` of its record. @default - not the record */
  readonly record?: string;
}

/** Signs and describes parts of a release. */
export type Attester = (release: AttestedRelease, parts: AttestedParts) => Promise<void>;

/** An {@link Attester} for a registry, which tells on standard error what it did; undefined where nothing is signed. */
export function attester({ registry, signing, client }: AttesterOptions): Attester | undefined {
  if (!signing) return undefined;
  return async (release, parts) => {
    const start = Date.now();
    const { host, tls, namespace } = registry;
    const publication = publicationOf(release, parts, namespace);
    const log = (line: string): void => void process.stderr.write(`${line}\n`);
    await attachTrust(
      { ...publication, registry: { host, tls }, signing },
      { reader: client, env: process.env, log },
    );
    noteTiming("sign", start);
  };
}

/** What is said of parts of a release. */
export function publicationOf(
  { images, charts, source, builder = unknownBuilder }: AttestedRelease,
  parts: AttestedParts,
  namespace: string,
): Publication {
  const ingredient = (name: string): Ingredient => ({ name, digest: images[name]?.digest ?? "" });
  const { record } = parts;
  return {
    images: Object.entries(parts.images === true ? images : {}).map(([name, image]) =>
      trustedImage(name, image, namespace, ingredient),
    ),
    charts: Object.entries(parts.charts === true ? charts : {}).map(([name, chart]) => ({
      ...{ name, repository: `${namespace}/${chart.path}`, digest: chart.digest },
      ...{ key: chart.key, version: chart.version, images: chart.images.map(ingredient) },
    })),
    ...(record === undefined
      ? {}
      : { record: { repository: recordRepository(namespace), digest: record } }),
    ...(source ? { source } : {}),
    builder,
  };
}

function trustedImage(
  name: string,
  { path, digest, key, platforms, buildArgs, bases, needs }: ReleasedImage,
  namespace: string,
  ingredient: (name: string) => Ingredient,
): TrustedImage {
  return {
    ...{ name, repository: `${namespace}/${path}`, digest, key, platforms, buildArgs, bases },
    needs: needs.map(ingredient),
  };
}
