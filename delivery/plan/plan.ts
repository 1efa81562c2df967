import { join } from "node:path";
import { InputError, readAll } from "../basics/input-error.ts";
import { chartNameProblem, imageNameProblem } from "../registry/references.ts";
import type { BaseLock } from "../sources/base-lock.ts";
import { type ChartDependency, readDependencies } from "../sources/chart-dependencies.ts";
import { readChartSources } from "../sources/chart-sources.ts";
import type { ReadOptions } from "../sources/source-tree.ts";
import { type ChartImage, type ChartPlan, planChart } from "./chart-plan.ts";
import { inOrderOfNeed } from "./image-order.ts";
import { type ImagePlan, type ImageSource, outsideBases, planImage } from "./image-plan.ts";
import { readYaml } from "./source-files.ts";
import type { VersionScheme } from "./version.ts";

/** An image to ship. */
export interface ImageDeliverable extends ImageSource {
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

/** What `up` would ship; known without builder, registry or cluster. */
export interface Plan {
  /** Every image after those that it needs. */
  readonly images: readonly ImagePlan[];
  readonly charts: readonly DeployableChartPlan[];
}

/** A chart as it would be packaged now, and where it is deployed. */
export interface DeployableChartPlan extends ChartPlan {
  readonly namespace: string;
  readonly keepSecrets: readonly string[];
}

/** What decides a plan besides the sources. */
export interface PlanOptions extends ReadOptions {
  readonly platforms: readonly string[];
  readonly versions: VersionScheme;
  /** Prefix of every image that nodes pull: `host/namespace`. */
  readonly pullFolder: string;
  readonly bases: BaseLock;
  /** Digests of charts that others depend on, by reference. @default - none */
  readonly chartLock?: BaseLock;
}

/**
 * Reads every source and derives keys, tags and versions. Nothing is written.
 *
 * @throws InputError with all that is wrong in any folder, so that it is seen before anything is created.
 */
export function planDeliverables(deliverables: Deliverables, options: PlanOptions): Plan {
  const problems = nameProblems(deliverables);
  const images = new Map<string, ImagePlan>();
  readAll(inOrderOfNeed(deliverables.images, problems), problems, (name) => {
    const image = deliverables.images[name];
    if (!image) return;
    // Those with problems of their own are left out, and named.
    const needs = new Map((image.needs ?? []).flatMap((need) => entryOf(images, need)));
    const plan = planImage(name, image, { ...options, needs });
    requireDeclared(plan, deliverables);
    images.set(name, plan);
  });
  const charts = readAll(Object.entries(deliverables.charts), problems, ([name, chart]) => {
    const taken = Object.entries(chart.images).map(([path, image]) => {
      requireImage(name, path, image, deliverables);
      return [path, images.get(image) ?? unplanned] as const;
    });
    const plan = planChart(name, chart.path, { ...options, images: new Map(taken) });
    return { ...plan, namespace: chart.namespace, keepSecrets: chart.keepSecrets ?? [] };
  });
  if (problems.length > 0) throw new InputError(problems.join("\n"));
  return { images: [...images.values()], charts };
}

function nameProblems({ images, charts }: Deliverables): string[] {
  const problemsOf = (
    kind: string,
    names: object,
    problemOf: (name: string) => string | undefined,
  ): string[] =>
    Object.keys(names).flatMap((name) => {
      const allowed = problemOf(name);
      return allowed === undefined
        ? []
        : [
            `${kind} "${name}" names a repository, so it must have ${allowed}; give it another name in deliverables.ts`,
          ];
    });
  return [
    ...problemsOf("image", images, imageNameProblem),
    ...problemsOf("chart", charts, chartNameProblem),
  ];
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

/** The same of all images: each reference once, sorted. */
export function allOutsideBases(
  { images }: Pick<Deliverables, "images">,
  platforms: readonly string[],
): string[] {
  const references = Object.entries(images).flatMap(([name, image]) =>
    outsideBases(name, image, platforms),
  );
  return [...new Set(references)].sort();
}

/** Charts from elsewhere that charts depend on, whether they are locked or not. */
export function allDependencies({ charts }: Pick<Deliverables, "charts">): ChartDependency[] {
  return Object.entries(charts).flatMap(([name, { path }]) =>
    readDependencies(
      readYaml(join(path, "Chart.yaml"), `chart "${name}"`),
      readChartSources(path),
      `chart "${name}"`,
    ),
  );
}

function entryOf<V>(map: ReadonlyMap<string, V>, key: string): [string, V][] {
  const value = map.get(key);
  return value === undefined ? [] : [[key, value]];
}

/** Stands for an image with problems, so that those of its chart are told as well. */
const unplanned: ChartImage = { name: "", key: "", tag: "", platforms: [] };

/** Without it, the image would be pulled from elsewhere. */
function requireDeclared({ name, dockerfile, bases }: ImagePlan, { images }: Deliverables): void {
  const undeclared = [...bases.keys()].find((base) => Object.hasOwn(images, base));
  if (undeclared === undefined) return;
  throw new InputError(
    `image "${name}": ${dockerfile.path} takes "${undeclared}", which deliverables.ts has; add needs: ["${undeclared}"] to "${name}" there`,
  );
}

function requireImage(chart: string, path: string, image: string, { images }: Deliverables): void {
  if (Object.hasOwn(images, image)) return;
  throw new InputError(
    `chart "${chart}": "${path}" takes image "${image}"; deliverables.ts has ${Object.keys(images).join(", ")}`,
  );
}
