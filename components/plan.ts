import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Document, isMap, parseDocument } from "yaml";
import { parseDockerfile } from "./dockerfile";
import { type IgnoreRules, dockerIgnore, helmIgnore, ignoreNothing } from "./ignore-file";
import { InputError, readAll } from "./input-error";
import { type SourceFile, readSourceTree, sha256 } from "./source-tree";
import { type VersionScheme, chartVersion, chartVersionPattern, imageTag } from "./version";

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
  /** Dockerfile, relative to the project, and the SHA-256 of its bytes. */
  readonly dockerfile: { readonly path: string; readonly digest: string };
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  /** What `.dockerignore` leaves of the context. */
  readonly files: readonly SourceFile[];
  /** SHA-256 over all that decides the image's content. */
  readonly key: string;
  readonly tag: string;
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

/** What `up` would ship; known without builder, registry or cluster. */
export interface Plan {
  readonly images: readonly ImagePlan[];
  readonly charts: readonly ChartPlan[];
}

/** What decides a plan besides the sources. */
export interface PlanOptions {
  readonly platforms: readonly string[];
  readonly versions: VersionScheme;
  /** Prefix of every image that nodes pull: `host/namespace`. */
  readonly pullFolder: string;
}

/**
 * Reads every source and derives keys, tags and versions. Nothing is written.
 *
 * @throws InputError with all that is wrong in any folder, so that it is seen before anything is created.
 */
export function planDeliverables(deliverables: Deliverables, options: PlanOptions): Plan {
  const problems: string[] = [];
  const images = readAll(Object.entries(deliverables.images), problems, ([name, image]) =>
    planImage(name, image, options),
  );
  const charts = readAll(Object.entries(deliverables.charts), problems, ([name, chart]) =>
    planChart(name, chart, deliverables, images, options),
  );
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return { images, charts };
}

function planImage(
  name: string,
  image: ImageDeliverable,
  { platforms, versions }: PlanOptions,
): ImagePlan {
  const { path, target, buildArgs = {} } = image;
  requireFolder(path, `image "${name}"`);
  const dockerfile = image.dockerfile ?? join(path, "Dockerfile");
  const text = readText(dockerfile, `image "${name}"`);
  const stages = parseDockerfile(dockerfile, text, buildArgs);
  if (target !== undefined && !stages.some((stage) => stage.name === target.toLowerCase())) {
    throw new InputError(
      `image "${name}": ${dockerfile} has no stage "${target}"; name one of its stages with AS`,
    );
  }
  const files = readSourceTree(path, imageIgnoreRules(path, dockerfile));
  const digest = sha256(readFileSync(dockerfile));
  const key = sha256(
    JSON.stringify([digest, files, Object.entries(buildArgs).sort(), target, platforms]),
  );
  return {
    name,
    path,
    dockerfile: { path: dockerfile, digest },
    target,
    buildArgs,
    platforms,
    files,
    key,
    tag: imageTag(versions, key),
  };
}

function planChart(
  name: string,
  chart: ChartDeliverable,
  deliverables: Deliverables,
  images: readonly ImagePlan[],
  { versions, pullFolder }: PlanOptions,
): ChartPlan {
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
  const files = readSourceTree(path, chartIgnoreRules(path));
  const imageKeys = [...taken].map(([valuesPath, image]) => [
    valuesPath,
    image.name,
    image.key,
    image.tag,
  ]);
  const key = sha256(JSON.stringify([files, imageKeys, pullFolder]));
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

/** BuildKit prefers the ignore file that carries the Dockerfile's name. */
function imageIgnoreRules(path: string, dockerfile: string): IgnoreRules {
  const file = [`${dockerfile}.dockerignore`, join(path, ".dockerignore")].find((candidate) =>
    existsSync(candidate),
  );
  return file === undefined ? ignoreNothing : dockerIgnore(readFileSync(file, "utf8"));
}

function chartIgnoreRules(path: string): IgnoreRules {
  const file = join(path, ".helmignore");
  return existsSync(file) ? helmIgnore(readFileSync(file, "utf8")) : ignoreNothing;
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
