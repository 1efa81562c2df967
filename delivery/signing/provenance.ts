import { fields } from "../basics/json-fields.ts";
import type { ReleaseSource } from "../releases/record.ts";
import { imagePurl, ociPurl } from "./package-url.ts";

/** What each build takes and does; docs/provenance.md describes them. */
export const buildTypes = {
  image: "https://tinyolly.dev/build/image/v1",
  chart: "https://tinyolly.dev/build/chart/v1",
} as const;

/** Something of the same project that a build took in. */
export interface Ingredient {
  readonly name: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
}

/** What decided an image. */
export interface ImageBuild {
  readonly name: string;
  /** SHA-256 over all that decided its content. */
  readonly key: string;
  readonly platforms: readonly string[];
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Digest of each image from elsewhere, by reference; `""` where only the tag decided. */
  readonly bases: Readonly<Record<string, string>>;
  /** Images of this project that it is built upon. @default - none */
  readonly needs?: readonly Ingredient[];
}

/** What decided a chart. */
export interface ChartBuild {
  readonly name: string;
  readonly key: string;
  readonly version: string;
  readonly images: readonly Ingredient[];
}

/** What a {@link Provenance} says. */
export interface ReadProvenance {
  readonly buildType: string;
  /** Of the image or chart. */
  readonly name: string | undefined;
  readonly key: string | undefined;
  /** Of a chart. */
  readonly version: string | undefined;
  /** Of an image; none of a chart. */
  readonly platforms: readonly string[];
  readonly commit: string | undefined;
  readonly repository: string | undefined;
  readonly dirty: boolean;
  readonly builder: string | undefined;
}

/** Provenance of an image in the form of SLSA 1.0; equal builds have equal ones, since no clock is read. */
export function imageProvenance(
  { name, key, platforms, buildArgs, bases, needs = [] }: ImageBuild,
  source: ReleaseSource | undefined,
  builder: string,
) {
  return provenance(
    buildTypes.image,
    { image: name, platforms, buildArgs },
    key,
    [
      ...Object.entries(bases)
        .sort()
        .map(([reference, digest]) => dependency(imagePurl(reference, digest), digest)),
      ...needs.map(ingredient),
    ],
    source,
    builder,
  );
}

/** Provenance of a chart; see {@link imageProvenance}. */
export function chartProvenance(
  { name, key, version, images }: ChartBuild,
  source: ReleaseSource | undefined,
  builder: string,
) {
  const parameters = { chart: name, version };
  return provenance(buildTypes.chart, parameters, key, images.map(ingredient), source, builder);
}

/** Reads the predicate of a provenance, as this project writes it. */
export function readProvenance(predicate: unknown): ReadProvenance {
  const { buildDefinition, runDetails } = fields(predicate);
  const { buildType, externalParameters, internalParameters } = fields(buildDefinition);
  const { image, chart, version, platforms, source } = fields(externalParameters);
  const { repository, commit, dirty } = fields(source);
  return {
    buildType: String(buildType),
    name: text(image) ?? text(chart),
    key: text(fields(internalParameters)["key"]),
    version: text(version),
    platforms: (Array.isArray(platforms) ? platforms : []).map(String),
    commit: text(commit),
    repository: text(repository),
    dirty: dirty === true,
    builder: text(fields(fields(runDetails)["builder"])["id"]),
  };
}

interface Dependency {
  readonly uri?: string;
  readonly digest?: Readonly<Record<string, string>>;
}

function provenance(
  buildType: string,
  parameters: Readonly<Record<string, unknown>>,
  key: string,
  dependencies: readonly Dependency[],
  source: ReleaseSource | undefined,
  builder: string,
) {
  return {
    buildDefinition: {
      buildType,
      externalParameters: { ...parameters, ...(source ? { source: sourceParameter(source) } : {}) },
      internalParameters: { key },
      resolvedDependencies: [...(source ? [sourceDependency(source)] : []), ...dependencies],
    },
    runDetails: { builder: { id: builder } },
  };
}

function sourceParameter({ repository, commit, dirty }: ReleaseSource) {
  return {
    ...(repository === undefined ? {} : { repository }),
    commit,
    // The commit alone does not say what was built.
    ...(dirty ? { dirty } : {}),
  };
}

function sourceDependency({ repository, commit }: ReleaseSource): Dependency {
  const uri = repository === undefined ? {} : { uri: `git+${repository}@${commit}` };
  return { ...uri, digest: { gitCommit: commit } };
}

function ingredient({ name, digest }: Ingredient): Dependency {
  return dependency(ociPurl(name, digest), digest);
}

function dependency(uri: string, digest: string): Dependency {
  return digest === "" ? { uri } : { uri, digest: { sha256: digest.replace("sha256:", "") } };
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
