import { readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import type { LockedDependency } from "../sources/chart-dependencies.ts";
import type { SourceFile } from "../sources/source-tree.ts";
import { addDependencies } from "./dependency-files.ts";
import { sourceDateEpoch, stageFiles } from "./staging.ts";

/** Annotation of a chart's manifest, and of its `Chart.yaml`, that holds the key that it was made from. */
export const keyAnnotation = "dev.tinyolly.key";

/** An image as a chart's values hold it. */
export interface ImageValue {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** What a chart's package is made of. */
export interface ChartPackage {
  /** Folder of the chart's sources. */
  readonly path: string;
  /** Files of the sources as they were planned; those that changed meanwhile are refused. */
  readonly files: readonly SourceFile[];
  readonly version: string;
  readonly appVersion: string;
  readonly key: string;
  /** Image by its path in values.yaml. */
  readonly images: Readonly<Record<string, ImageValue>>;
  /** Charts from elsewhere that are packaged with it. @default - none */
  readonly dependencies?: readonly LockedDependency[];
}

/**
 * Copies a chart's sources to a new folder, with the charts that it depends on, and writes version and images into the copy; equal
 * inputs give equal files.
 *
 * @param fetches Whether dependencies are fetched that are not on this machine yet.
 * @throws InputError when a file changed since it was planned, or a dependency cannot be had.
 */
export async function writeChartPackage(
  { path, files, version, appVersion, key, images, dependencies = [] }: ChartPackage,
  folder: string,
  fetches: boolean,
): Promise<void> {
  stageFiles(path, files, folder);
  await addDependencies(dependencies, folder, fetches);
  edit(join(folder, "Chart.yaml"), {
    ...{ version, appVersion },
    annotations: { [keyAnnotation]: key },
  });
  edit(join(folder, "values.yaml"), images);
  utimesSync(folder, sourceDateEpoch, sourceDateEpoch);
}

/** Sets values at dotted paths, or some keys of maps there, and keeps comments, order and all else of a YAML file. */
function edit(
  file: string,
  changes: Readonly<Record<string, string | ImageValue | Readonly<Record<string, string>>>>,
): void {
  const document = parseDocument(readFileSync(file, "utf8"));
  for (const [path, value] of Object.entries(changes)) {
    const at = path.split(".");
    if (typeof value === "string") document.setIn(at, value);
    else for (const [key, field] of Object.entries(value)) document.setIn([...at, key], field);
  }
  writeFileSync(file, document.toString({ lineWidth: 0 }), { mode: 0o644 });
  utimesSync(file, sourceDateEpoch, sourceDateEpoch);
}
