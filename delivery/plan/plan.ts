import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Document, isMap, parseDocument } from "yaml";
import { InputError, readAll } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { isDigest } from "../registry/oci.ts";
import type { BaseLock } from "../sources/base-lock.ts";
import { readChartSources } from "../sources/chart-sources.ts";
import {
  type Stage,
  baseImages,
  parseDockerfile,
  pinSyntax,
  syntaxImage,
} from "../sources/dockerfile.ts";
import { imageSourceRules } from "../sources/source-rules.ts";
import { type ReadOptions, type SourceFile, readSourceTree } from "../sources/source-tree.ts";
import { inOrderOfNeed } from "./image-order.ts";
import {
  type VersionScheme,
  chartVersion,
  chartVersionPattern,
  contentTag,
  imageTag,
} from "./version.ts";

/** An image to ship: a folder with a Dockerfile. */
export interface ImageDeliverable {
  /** Folder that is the build context, relative to the project. */
  readonly path: string;
  /** Dockerfile relative to the project. @default - `Dockerfile` in {@link path} */
  readonly dockerfile?: string;
  /** Stage to build. @default - the last one */
  readonly target?: string;
  /** Build arguments; they end up in the image's history, so no secrets. @default - none */
  readonly buildArgs?: Readonly<Record<string, string>>;
  /** Other images of {@link Deliverables} that its Dockerfile starts or copies from, by their names. @default - none */
  readonly needs?: readonly string[];
}

/** A chart to ship: a folder with a Chart.yaml, and the images it runs. */
export interface ChartDeliverable {
  /** Folder of the chart, relative to the project. */
  readonly path: string;
  /** Namespace into which Argo CD deploys it. */
  readonly namespace: string;
  /** Image name by the path in values.yaml that takes `{repository, tag, digest}`, such as `webui.image`. */
  readonly images: Readonly<Record<string, string>>;
  /**
   * Secrets whose content the chart makes up when it is installed. Argo CD renders charts without looking at the
   * cluster, so it would put a new one in with every render; their content is left as it is. @default - none
   */
  readonly keepSecrets?: readonly string[];
}

/** All that is shipped, by name. */
export interface Deliverables {
  readonly images: Readonly<Record<string, ImageDeliverable>>;
  readonly charts: Readonly<Record<string, ChartDeliverable>>;
}

/** An image as it would be built now. */
export interface ImagePlan {
  readonly name: string;
  /** Build context, relative to the project. */
  readonly path: string;
  readonly dockerfile: PlannedDockerfile;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  /** Locked digest of each image that the Dockerfile takes from elsewhere; `""` where the lock has none. */
  readonly bases: ReadonlyMap<string, string>;
  /** Images of this plan that the Dockerfile takes. */
  readonly needs: readonly ImagePlan[];
  /** What `.dockerignore` leaves of the context. */
  readonly files: readonly SourceFile[];
  /** SHA-256 over all that decides the image's content. */
  readonly key: string;
  /** Tag under which it is pushed, which only changes with the key. */
  readonly contentTag: string;
  /** Tag under which people and charts find it: the release, else {@link contentTag}. */
  readonly tag: string;
}

/** A Dockerfile as it is handed to the builder. */
export interface PlannedDockerfile {
  /** Path relative to the project. */
  readonly path: string;
  /** SHA-256 of its bytes, in hex. */
  readonly digest: string;
  /** Its text, with the frontend of a `# syntax=` line bound to its locked digest. */
  readonly text: string;
}

/** A chart as it would be packaged now. */
export interface ChartPlan {
  readonly name: string;
  readonly path: string;
  readonly namespace: string;
  readonly keepSecrets: readonly string[];
  /** What `.helmignore` leaves of the folder. */
  readonly files: readonly SourceFile[];
  /** Image by the path in values.yaml that takes it. */
  readonly images: ReadonlyMap<string, ImagePlan>;
  /** SHA-256 over the chart's files, the keys of its images and where nodes pull them. */
  readonly key: string;
  readonly version: string;
  readonly appVersion: string;
}

/**
 * Numbers of the ways in which this program makes artifacts. One is raised when the same sources shall be built or
 * packaged anew, since the program makes something else of them.
 */
export const recipes = { image: 3, chart: 3 } as const;

/** What `up` would ship; known without builder, registry or cluster. */
export interface Plan {
  /** Every image after those that it needs. */
  readonly images: readonly ImagePlan[];
  readonly charts: readonly ChartPlan[];
}

/** What decides a plan besides the sources. */
export interface PlanOptions {
  readonly platforms: readonly string[];
  readonly versions: VersionScheme;
  /** Prefix of every image that nodes pull: `host/namespace`. */
  readonly pullFolder: string;
  readonly bases: BaseLock;
  /** Size in bytes above which a source file is refused. @default - the usual one */
  readonly largestFile?: number;
  /** Folder for digests of files that were read before, which only save reading. @default - every file is read */
  readonly digestCache?: string;
}

/**
 * Reads every source and derives keys, tags and versions. Nothing is written.
 *
 * @throws InputError with all that is wrong in any folder, so that it is seen before anything is created.
 */
export function planDeliverables(deliverables: Deliverables, options: PlanOptions): Plan {
  const problems: string[] = [];
  const images: ImagePlan[] = [];
  readAll(inOrderOfNeed(deliverables.images, problems), problems, (name) => {
    const image = deliverables.images[name];
    if (image) images.push(planImage(name, image, deliverables, images, options));
  });
  const charts = readAll(Object.entries(deliverables.charts), problems, ([name, chart]) =>
    planChart(name, chart, deliverables, images, options),
  );
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return { images, charts };
}

/** References to images outside the deliverables that an unlocked tag decides, each once. */
export function unlockedBases({ images }: Plan): string[] {
  const unlocked = images.flatMap(({ bases }) =>
    [...bases].flatMap(([reference, digest]) => (digest === "" ? [reference] : [])),
  );
  return [...new Set(unlocked)].sort();
}

/** That somebody else decides on which base images a build stands, and what to do; undefined when nobody does. */
export function unlockedProblem(plan: Plan, lock: string, stack: string): string | undefined {
  const unlocked = unlockedBases(plan);
  if (unlocked.length === 0) return undefined;
  return (
    `${unlocked.join(", ")}: not in ${lock}, so a build takes what the tag holds at the time; ` +
    `make bases UPDATE=1 STACK=${stack} records it`
  );
}

/** References in an image's Dockerfile to images that the deliverables do not have, frontend included. */
export function outsideBases(name: string, image: ImageDeliverable): string[] {
  return takenFromOutside(name, image, readDockerfile(name, image));
}

/** The same of all images: each reference once, sorted. */
export function allOutsideBases({ images }: Pick<Deliverables, "images">): string[] {
  const references = Object.entries(images).flatMap(([name, image]) => outsideBases(name, image));
  return [...new Set(references)].sort();
}

function planImage(
  name: string,
  image: ImageDeliverable,
  deliverables: Deliverables,
  planned: readonly ImagePlan[],
  options: PlanOptions,
): ImagePlan {
  const { platforms, versions, bases: lock } = options;
  const { path, target, buildArgs = {} } = image;
  requireFolder(path, `image "${name}"`);
  const read = readDockerfile(name, image);
  const { dockerfile, text, stages } = read;
  if (target !== undefined && !stages.some((stage) => stage.name === target.toLowerCase())) {
    throw new InputError(
      `image "${name}": ${dockerfile} has no stage "${target}"; name one of its stages with AS`,
    );
  }
  const outside = takenFromOutside(name, image, read);
  const undeclared = outside.find((base) => Object.hasOwn(deliverables.images, base));
  if (undeclared !== undefined) {
    throw new InputError(
      `image "${name}": ${dockerfile} takes "${undeclared}", which deliverables.ts has; add needs: ["${undeclared}"] to "${name}" there`,
    );
  }
  const bases = new Map(outside.map((base) => [base, lockedDigest(base, lock)]));
  const needs = planned.filter((other) => image.needs?.includes(other.name));
  // BuildKit would heed the file once more if it were in the context.
  const files = readSourceTree(
    path,
    imageSourceRules(path, dockerfile).rules,
    reading(path, options),
  ).filter((file) => file.path !== ".dockerignore");
  const syntax = syntaxImage(text);
  const pins = syntax !== undefined && !syntax.includes("@");
  const syntaxDigest = pins ? (bases.get(syntax) ?? "") : "";
  const digest = sha256(readFileSync(dockerfile));
  const key = sha256(
    JSON.stringify([
      recipes.image,
      digest,
      files,
      Object.entries(buildArgs).sort(),
      target,
      platforms,
      [...bases].sort(),
      needs.map((need) => [need.name, need.key]).sort(),
    ]),
  );
  return {
    name,
    path,
    dockerfile: {
      path: dockerfile,
      digest,
      text: syntaxDigest === "" ? text : pinSyntax(text, syntaxDigest),
    },
    target,
    buildArgs,
    platforms,
    bases,
    needs,
    files,
    key,
    contentTag: contentTag(versions, key),
    tag: imageTag(versions, key),
  };
}

/** Digest that a reference carries itself or that the lock has for it; `""` for neither. */
function lockedDigest(reference: string, lock: BaseLock): string {
  const own = reference.slice(reference.indexOf("@") + 1);
  return isDigest(own) ? own : (lock.get(reference) ?? "");
}

interface ReadDockerfile {
  readonly dockerfile: string;
  readonly text: string;
  readonly stages: readonly Stage[];
}

function readDockerfile(name: string, image: ImageDeliverable): ReadDockerfile {
  const { path, dockerfile = join(path, "Dockerfile"), buildArgs } = image;
  const text = readText(dockerfile, `image "${name}"`);
  return { dockerfile, text, stages: parseDockerfile(dockerfile, text, buildArgs) };
}

function takenFromOutside(
  name: string,
  { needs = [] }: ImageDeliverable,
  { dockerfile, text, stages }: ReadDockerfile,
): string[] {
  const taken = baseImages(stages);
  const unused = needs.find((need) => !taken.includes(need));
  if (unused !== undefined) {
    throw new InputError(
      `image "${name}" needs "${unused}", but ${dockerfile} neither starts nor copies from it; ` +
        `write FROM ${unused}, or take it out of needs in deliverables.ts`,
    );
  }
  return taken.filter((base) => !needs.includes(base)).concat(syntaxImage(text) ?? []);
}

function planChart(
  name: string,
  chart: ChartDeliverable,
  deliverables: Deliverables,
  images: readonly ImagePlan[],
  options: PlanOptions,
): ChartPlan {
  const { versions, pullFolder } = options;
  const { path, namespace } = chart;
  requireFolder(path, `chart "${name}"`);
  const ownVersion = readChartVersion(path, name);
  const values = readYaml(join(path, "values.yaml"), `chart "${name}"`);
  const taken = new Map<string, ImagePlan>();
  for (const [valuesPath, imageName] of Object.entries(chart.images)) {
    if (!Object.hasOwn(deliverables.images, imageName)) {
      const known = Object.keys(deliverables.images).join(", ");
      throw new InputError(
        `chart "${name}": "${valuesPath}" takes image "${imageName}"; deliverables.ts has ${known}`,
      );
    }
    if (!isMap(values.getIn(valuesPath.split(".")))) {
      throw new InputError(
        `chart "${name}": ${path}/values.yaml has no map at "${valuesPath}"; add one with repository, tag and digest, ` +
          `or correct the path in deliverables.ts`,
      );
    }
    const image = images.find((candidate) => candidate.name === imageName);
    if (image) taken.set(valuesPath, image);
  }
  const files = readChartSources(path, reading(path, options));
  const imageKeys = [...taken].map(([valuesPath, image]) => [valuesPath, image.name, image.key]);
  const key = sha256(JSON.stringify([recipes.chart, files, imageKeys, pullFolder]));
  return {
    name,
    path,
    namespace,
    keepSecrets: chart.keepSecrets ?? [],
    files,
    images: taken,
    key,
    version: chartVersion(versions, ownVersion, key),
    appVersion: imageTag(versions, key),
  };
}

function reading(path: string, { largestFile, digestCache }: PlanOptions): ReadOptions {
  return {
    ...(largestFile === undefined ? {} : { largestFile }),
    ...(digestCache === undefined
      ? {}
      : { cacheFile: join(digestCache, sha256(resolve(path)).slice(0, 24)), writeCache: true }),
  };
}

function readChartVersion(path: string, name: string): string {
  const file = join(path, "Chart.yaml");
  const chart = readYaml(file, `chart "${name}"`);
  if (chart.get("name") !== name) {
    throw new InputError(
      `chart "${name}": ${file} names it "${String(chart.get("name"))}"; use one name in both, since helm pushes under the one in Chart.yaml`,
    );
  }
  const version = chart.get("version");
  if (typeof version !== "string" || !chartVersionPattern.test(version)) {
    throw new InputError(
      `chart "${name}": the version in ${file} is ${version === undefined ? "missing" : JSON.stringify(version)}; ` +
        `give a semantic version without build metadata, such as 0.1.1`,
    );
  }
  return version;
}

function requireFolder(path: string, owner: string): void {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError(
      `${owner}: there is no folder ${path}; create it or correct the path in deliverables.ts`,
    );
  }
}

function readText(file: string, owner: string): string {
  if (!statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new InputError(
      `${owner}: there is no file ${file}; create it or correct deliverables.ts`,
    );
  }
  return readFileSync(file, "utf8");
}

function readYaml(file: string, owner: string): Document {
  const document = parseDocument(readText(file, owner));
  const [error] = document.errors;
  if (error) throw new InputError(`${owner}: ${file} is not valid YAML: ${error.message}`);
  return document;
}
