import { join } from "node:path";
import { type Document, isMap } from "yaml";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import {
  type LockedDependency,
  lockDependencies,
  readDependencies,
} from "../sources/chart-dependencies.ts";
import { readChartSources } from "../sources/chart-sources.ts";
import type { ReadOptions, SourceFile } from "../sources/source-tree.ts";
import type { ImagePlan } from "./image-plan.ts";
import { recipes } from "./recipes.ts";
import { readYaml, requireFolder } from "./source-files.ts";
import { type VersionScheme, chartVersion, chartVersionPattern, imageTag } from "./version.ts";

/** What a chart needs to know of an image that it runs. */
export type ChartImage = Pick<ImagePlan, "name" | "key" | "tag" | "platforms">;

/** What decides a chart besides its sources. */
export interface ChartPlanOptions extends ReadOptions {
  readonly versions: VersionScheme;
  /** Prefix of every image that nodes pull: `host/namespace`. */
  readonly pullFolder: string;
  /** Image by the path in values.yaml that takes it, such as `webui.image`. */
  readonly images: ReadonlyMap<string, ChartImage>;
  /** Locked digest of each chart that it depends on, by reference. @default - it may depend on none from elsewhere */
  readonly chartLock?: ReadonlyMap<string, string>;
}

/** A chart as it would be packaged now. */
export interface ChartPlan {
  readonly name: string;
  readonly path: string;
  /** What `.helmignore` leaves of the folder. */
  readonly files: readonly SourceFile[];
  /** Image by the path in values.yaml that takes it. */
  readonly images: ReadonlyMap<string, ChartImage>;
  /** Charts from elsewhere that are packaged with it. */
  readonly dependencies: readonly LockedDependency[];
  /** SHA-256 over the chart's files, the keys of its images and where nodes pull them. */
  readonly key: string;
  readonly version: string;
  readonly appVersion: string;
}

/**
 * Reads the sources of a chart and derives key and version. Nothing is written.
 *
 * @throws InputError that says what is wrong with the sources.
 */
export function planChart(name: string, path: string, options: ChartPlanOptions): ChartPlan {
  const { versions, pullFolder, images, largestFile, chartLock = new Map() } = options;
  requireFolder(path, `chart "${name}"`);
  const chart = readYaml(join(path, "Chart.yaml"), `chart "${name}"`);
  const ownVersion = readChartVersion(chart, path, name);
  const values = readYaml(join(path, "values.yaml"), `chart "${name}"`);
  for (const valuesPath of images.keys()) {
    if (isMap(values.getIn(valuesPath.split(".")))) continue;
    throw new InputError(
      `chart "${name}": ${path}/values.yaml has no map at "${valuesPath}"; add one with repository, tag and digest, ` +
        `or correct the path of the image`,
    );
  }
  const files = readChartSources(path, { largestFile });
  const imageKeys = [...images].map(([valuesPath, image]) => [valuesPath, image.name, image.key]);
  const found = readDependencies(chart, files, `chart "${name}"`);
  const dependencies = lockDependencies(found, chartLock, `chart "${name}"`);
  const locked = dependencies.map(({ reference, digest }) => [reference, digest]);
  const key = sha256(
    JSON.stringify([
      ...[recipes.chart, files, imageKeys, pullFolder],
      // Only where there are any, so that they change nothing else.
      ...(locked.length > 0 ? [locked] : []),
    ]),
  );
  return {
    name,
    path,
    files,
    images,
    dependencies,
    key,
    version: chartVersion(versions, ownVersion, key),
    appVersion: imageTag(versions, key),
  };
}

function readChartVersion(chart: Document, path: string, name: string): string {
  const file = join(path, "Chart.yaml");
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
