import { type Document, isSeq } from "yaml";
import { InputError } from "../basics/input-error.ts";
import { fields } from "../basics/json-fields.ts";
import { isDigest } from "../registry/references.ts";
import type { SourceFile } from "./source-tree.ts";

/** Locks the charts that others depend on, as `bases.lock.yaml` does images. */
export const chartLockFile = "charts.lock.yaml";

/** A chart that another one depends on, in an OCI registry. */
export interface ChartDependency {
  readonly name: string;
  readonly version: string;
  /** `host/repository:tag`. */
  readonly reference: string;
}

/**
 * Reads the dependencies of a chart that do not lie in its own `charts/`.
 *
 * @param chart `Chart.yaml`.
 * @throws InputError for a repository that is none of OCI's, and for a version that is a range.
 */
export function readDependencies(
  chart: Document,
  files: readonly SourceFile[],
  owner: string,
): ChartDependency[] {
  const list: unknown = chart.get("dependencies");
  const entries: unknown = isSeq(list) ? list.toJSON() : [];
  if (!Array.isArray(entries)) return [];
  return entries.flatMap((entry: unknown): ChartDependency[] => {
    const { name, version, repository = "" } = fields(entry);
    const what = `${owner}: its dependency "${String(name)}"`;
    if (files.some(({ path }) => isVendored(path, String(name), String(version)))) return [];
    const [, place] = /^oci:\/\/([^/]+\/.+?)\/*$/.exec(String(repository)) ?? [];
    if (place === undefined)
      throw new InputError(
        `${what} is in "${String(repository)}"; name a repository that begins with oci://, or put the chart into its folder charts/`,
      );
    if (!/^v?\d+\.\d+\.\d+[\w.+-]*$/.test(String(version)))
      throw new InputError(
        `${what} has the version "${String(version)}", and tags know no ranges; name one version, such as 1.2.3`,
      );
    // Tags hold no plus sign; helm writes this instead.
    const tag = String(version).replaceAll("+", "_");
    return [
      {
        name: String(name),
        version: String(version),
        reference: `${place}/${String(name)}:${tag}`,
      },
    ];
  });
}

/** Whether a file is that of a chart in the folder `charts/`, packed or not. */
function isVendored(path: string, name: string, version: string): boolean {
  return path === `charts/${name}/Chart.yaml` || path === `charts/${name}-${version}.tgz`;
}

/** A dependency that is bound to a digest. */
export interface LockedDependency extends ChartDependency {
  /** `sha256:…` of its manifest. */
  readonly digest: string;
}

/**
 * Binds dependencies to digests.
 *
 * @throws InputError that names those that the lock does not have.
 */
export function lockDependencies(
  dependencies: readonly ChartDependency[],
  lock: ReadonlyMap<string, string>,
  owner: string,
): LockedDependency[] {
  return dependencies.map((dependency) => {
    const digest = lock.get(dependency.reference) ?? "";
    if (isDigest(digest)) return { ...dependency, digest };
    throw new InputError(
      `${owner}: ${dependency.reference} is not in ${chartLockFile}; make bases UPDATE=1 records its digest`,
    );
  });
}
