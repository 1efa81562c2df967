import { InputError } from "../basics/input-error.ts";
import type { ReleaseSource } from "../releases/record.ts";
import type { ArtifactReader } from "./artifact-reader.ts";
import {
  type ChartBuild,
  type ImageBuild,
  chartProvenance,
  imageProvenance,
} from "./provenance.ts";
import { type ListedImage, chartSbom, imageSbom } from "./sbom.ts";
import type { Attached } from "./sigstore-bundle.ts";

/** What was published, and what is said of it. */
export interface Publication {
  readonly images: readonly TrustedImage[];
  readonly charts: readonly TrustedChart[];
  /** Record of the release. @default - none is signed */
  readonly record?: PublishedArtifact;
  /** Sources of all of it. @default - no Git repository, and so none is named */
  readonly source?: ReleaseSource;
  /** Address that names who built it, such as that of a workflow. */
  readonly builder: string;
}

/** Where something was published. */
export interface PublishedArtifact {
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
}

/** An image, and what decided it. */
export type TrustedImage = PublishedArtifact & ImageBuild;

/** A chart, and what decided it. */
export type TrustedChart = PublishedArtifact & ChartBuild;

/** A digest, and what is to be attached to it. */
export interface Subject extends PublishedArtifact {
  /** For people: `image webui linux/arm64`. */
  readonly label: string;
  /** Predicate of each statement that is attached beside the signature, made when it is needed. */
  readonly statements: Readonly<Partial<Record<StatementKind, () => unknown>>>;
}

/** What is attached with a content of its own. */
export type StatementKind = Exclude<Attached, "signature">;

/** Lists what is in an image of a repository, as syft does. */
export type ListContents = (repository: string, image: ListedImage) => Promise<unknown>;

/** Everything that is to be attached to a subject. */
export function kindsOf({ statements }: Subject): Attached[] {
  const kinds: readonly StatementKind[] = ["sbom", "provenance"];
  return ["signature", ...kinds.filter((kind) => statements[kind] !== undefined)];
}

/**
 * Every digest of a publication: charts, the record, and images with their platforms.
 *
 * @throws InputError when the registry does not have an image.
 */
export async function subjectsOf(
  publication: Publication,
  reader: ArtifactReader,
  list: ListContents,
): Promise<Subject[]> {
  const { charts, record, images } = publication;
  const ofImages = await Promise.all(
    images.map((image) => imageSubjects(image, publication, reader, list)),
  );
  return [
    ...charts.map((chart) => chartSubject(chart, publication)),
    ...(record ? [{ ...place(record), label: "release record", statements: {} }] : []),
    ...ofImages.flat(),
  ];
}

function chartSubject(chart: TrustedChart, { source, builder }: Publication): Subject {
  return {
    ...place(chart),
    label: `chart ${chart.name}`,
    statements: {
      sbom: () => chartSbom(chart, source?.time),
      provenance: () => chartProvenance(chart, source, builder),
    },
  };
}

/** The index with its provenance and each platform with its list; an image without index has both. */
async function imageSubjects(
  image: TrustedImage,
  { source, builder }: Publication,
  reader: ArtifactReader,
  list: ListContents,
): Promise<Subject[]> {
  const { name, repository, digest } = image;
  const provenance = (): unknown => imageProvenance(image, source, builder);
  const platforms = [...(await platformsOf(image, reader))].map(([platform, own]): Subject => {
    const listed = { name, digest: own, platform };
    const sbom = async (): Promise<unknown> =>
      imageSbom(await list(repository, listed), listed, source?.time);
    return {
      repository,
      digest: own,
      label: `image ${name} ${platform}`,
      statements: own === digest ? { sbom, provenance } : { sbom },
    };
  });
  const isIndex = platforms.every((one) => one.digest !== digest);
  const index: Subject = { repository, digest, label: `image ${name}`, statements: { provenance } };
  return isIndex ? [index, ...platforms] : platforms;
}

/** Digest of each platform's manifest: those of an index, or the image's own. */
async function platformsOf(
  { name, repository, digest, platforms }: TrustedImage,
  reader: ArtifactReader,
): Promise<Map<string, string>> {
  const manifest = await reader.getManifest(repository, digest);
  if (!manifest) {
    throw new InputError(
      `image "${name}": ${reader.host} has no ${repository}@${digest} any more; publish it again with make up`,
    );
  }
  if (manifest.children.length === 0) return new Map([[platforms[0] ?? "linux/amd64", digest]]);
  return new Map(
    manifest.children.flatMap(({ platform, digest: own }): [string, string][] =>
      platform === undefined ? [] : [[platform, own]],
    ),
  );
}

function place({ repository, digest }: PublishedArtifact): PublishedArtifact {
  return { repository, digest };
}
