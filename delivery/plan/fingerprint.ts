import { shortHash } from "../basics/sha256.ts";
import {
  type Endpoints,
  chartPushFolder,
  imageFolder,
  pullFolder,
} from "../registry/references.ts";
import { type SourceFile, sourceMark } from "../sources/source-tree.ts";
import { type ChartPlan } from "./chart-plan.ts";
import { type ImagePlan } from "./image-plan.ts";
import { recipes } from "./recipes.ts";

/** What decides how images and charts are published, besides their sources. */
export interface Publishing {
  readonly endpoints: Endpoints;
  /** Name of the buildx builder. */
  readonly builder: string;
  /** Whether builds share their layers through the registry. */
  readonly registryCache: boolean;
}

/**
 * All that decides whether an image is built and pushed again, in parts that people can compare. The component registers
 * it, so the engine's own diff names the part that changed, and `explain` compares it with what the state holds.
 */
export interface ImageFingerprint {
  readonly key: string;
  readonly tag: string;
  readonly recipe: number;
  /** Mark of each context file, by path. */
  readonly sources: Readonly<Record<string, string>>;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Digest of each image from elsewhere, by reference. */
  readonly bases: Readonly<Record<string, string>>;
  /** Start of the key of each image that it needs, by name. */
  readonly needs: Readonly<Record<string, string>>;
  /** What decides each step of its build, by name; no reason of its own, but what follows from others. */
  readonly steps: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string | boolean | readonly string[]>>;
}

/** All that decides whether a chart is packaged and pushed again; see {@link ImageFingerprint}. */
export interface ChartFingerprint {
  readonly key: string;
  readonly version: string;
  readonly recipe: number;
  readonly sources: Readonly<Record<string, string>>;
  /** Name, tag and start of the key of each image, by its path in values.yaml. */
  readonly images: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, string>>;
}

/** All that decides whether an Application is changed; see {@link ImageFingerprint}. */
export interface ApplicationFingerprint {
  /** Chart version that it deploys. */
  readonly revision: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** All that decides whether a release is recorded and signed again; see {@link ImageFingerprint}. The component does not register it. */
export interface ReleaseFingerprint {
  readonly version: string;
  /** Start of the key of each image and chart, by kind and name such as `image web`. */
  readonly parts: Readonly<Record<string, string>>;
  readonly settings: ReleaseSettings & {
    readonly pushTo: string;
    readonly pushTls: string;
  };
}

/** What is done to a release besides its record. */
export interface ReleaseSettings {
  /** Templates of the tags that follow the newest release. */
  readonly aliases: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: object | undefined;
}

/** What an {@link ImageFingerprint} has for a base that only its tag decides. */
export const unlockedBase = "unlocked";

/** Fingerprint of an image as it would be built now. */
export function imageFingerprint(plan: ImagePlan, publishing: Publishing): ImageFingerprint {
  const { endpoints, builder, registryCache } = publishing;
  return {
    key: plan.key,
    tag: plan.tag,
    recipe: recipes.image,
    sources: sourceMarks(plan.files),
    dockerfile: shortHash(plan.dockerfile.digest),
    buildArgs: plan.buildArgs,
    bases: Object.fromEntries(
      [...plan.bases].map(([base, digest]) => [base, digest || unlockedBase]),
    ),
    needs: Object.fromEntries([...plan.needs].map(([name, { key }]) => [name, shortHash(key)])),
    steps: Object.fromEntries(plan.steps.steps?.map(({ name, own }) => [name, own]) ?? []),
    settings: {
      builder,
      platforms: plan.platforms,
      pushTo: `${imageFolder(endpoints)}/${plan.name}`,
      // What BuildKit is told; it finds out by itself which of the two others a registry speaks.
      pushTls: endpoints.pushTls === "verify" ? "verify" : "insecure",
      registryCache,
      target: plan.target ?? "",
    },
  };
}

/** Fingerprint of a chart as it would be packaged now. */
export function chartFingerprint(
  plan: ChartPlan,
  { endpoints }: Pick<Publishing, "endpoints">,
): ChartFingerprint {
  const images = [...plan.images].map(([path, image]): [string, string] => [
    path,
    imageMark(image),
  ]);
  return {
    key: plan.key,
    version: plan.version,
    recipe: recipes.chart,
    sources: sourceMarks(plan.files),
    images: Object.fromEntries(images),
    settings: {
      pullFrom: pullFolder(endpoints),
      pushTo: `${chartPushFolder(endpoints)}/${plan.name}`,
      pushTls: endpoints.pushTls,
    },
  };
}

/** Fingerprint of a release as it would be recorded now. */
export function releaseFingerprint(
  version: string,
  { images, charts }: ReleasedParts,
  { push, pushTls, namespace }: Pick<Endpoints, "push" | "pushTls" | "namespace">,
  { aliases, signing }: ReleaseSettings,
): ReleaseFingerprint {
  const marks = (kind: string, parts: ReleasedParts["images"]): [string, string][] =>
    [...parts].map(({ name, key }) => [`${kind} ${name}`, shortHash(key)]);
  return {
    version,
    parts: Object.fromEntries([...marks("image", images), ...marks("chart", charts)]),
    settings: {
      aliases,
      pushTo: `${push}/${namespace}`,
      pushTls,
      ...(signing === undefined ? {} : { signing }),
    },
  };
}

/** Names and keys of what a release holds. */
export type ReleasedParts = Readonly<
  Record<"images" | "charts", readonly { readonly name: string; readonly key: string }[]>
>;

/** An image as the fingerprint of a chart that runs it has it. */
export function imageMark({ name, key }: Pick<ImagePlan, "name" | "key">): string {
  return `${name} ${shortHash(key)}`;
}

/** Name of the image in an {@link imageMark}. */
export function markedImage(mark: string): string {
  // Fingerprints that are not of the last run may have a tag after the name.
  return mark.replace(/[: ].*$/, "");
}

function sourceMarks(files: readonly SourceFile[]): Record<string, string> {
  return Object.fromEntries(
    files.map((file) => [
      // Pulumi's SDK loses a property of that name, and the file would look new in every run.
      file.path === "__proto__" ? "./__proto__" : file.path,
      sourceMark(file),
    ]),
  );
}
