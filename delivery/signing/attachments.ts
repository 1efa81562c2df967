import type { Descriptor } from "../registry/types.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import {
  type Attached,
  type Bundle,
  bundleType,
  predicateTypes,
  readBundle,
  readStatement,
} from "./sigstore-bundle.ts";

/** Annotation of a bundle's manifest that says what it states. */
const predicateTypeAnnotation = "dev.sigstore.bundle.predicateType";

/** What is attached to a digest, whoever signed it. */
export type Attachments = Readonly<Record<Attached, readonly Bundle[]>>;

/** Reads the bundles that are attached to a digest. */
export async function readAttachments(
  reader: ArtifactReader,
  repository: string,
  digest: string,
): Promise<Attachments> {
  const referrers = await reader.listReferrers(repository, digest);
  const found = await Promise.all(
    referrers
      .filter(({ artifactType = bundleType }) => artifactType.startsWith(bundleType))
      .map((referrer) => readReferrer(reader, repository, referrer)),
  );
  const of = (kind: Attached): Bundle[] =>
    found.flatMap((one) => (one?.type === predicateTypes[kind] ? [one.bundle] : []));
  return { signature: of("signature"), sbom: of("sbom"), provenance: of("provenance") };
}

/** Whether a digest has a signature, whoever made it; only the list of what is attached is read. */
export async function hasSignature(
  reader: Pick<ArtifactReader, "listReferrers">,
  repository: string,
  digest: string,
): Promise<boolean> {
  const referrers = await reader.listReferrers(repository, digest);
  return referrers.some(({ artifactType = "", annotations = {} }) => {
    // Lists of older registries have no annotations.
    const type = annotations[predicateTypeAnnotation] ?? predicateTypes.signature;
    return artifactType.startsWith(bundleType) && type === predicateTypes.signature;
  });
}

/** Reads a bundle, and of what type it says to be; undefined where it is no bundle, or of a type that nobody asks for. */
async function readReferrer(
  reader: ArtifactReader,
  repository: string,
  { digest }: Descriptor,
): Promise<{ type: unknown; bundle: Bundle } | undefined> {
  const manifest = await reader.getManifest(repository, digest);
  if (!manifest) return undefined;
  const type = manifest.annotations[predicateTypeAnnotation];
  const layer = manifest.blobs.find(({ mediaType }) => mediaType.startsWith(bundleType));
  const known: readonly unknown[] = [undefined, ...Object.values(predicateTypes)];
  if (!layer || !known.includes(type)) return undefined;
  const bytes = await reader.getBlob(repository, layer);
  const bundle = bytes && readBundle(bytes);
  return bundle && { type: type ?? readStatement(bundle)?.predicateType, bundle };
}
