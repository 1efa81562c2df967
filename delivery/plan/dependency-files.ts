import { copyFileSync, existsSync, mkdirSync, renameSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { RegistryClient } from "../registry/client.ts";
import { chartPackageType } from "../registry/media-types.ts";
import { isThisMachine } from "../registry/references.ts";
import type { LockedDependency } from "../sources/chart-dependencies.ts";
import { sourceDateEpoch } from "./staging.ts";

const folder = ".tinyolly/dependencies";

/**
 * Puts the packages of dependencies into the folder `charts/` of a chart.
 *
 * @param fetches Whether those that are not on this machine yet are fetched.
 * @throws InputError where one is not there, and may not be fetched or is not in its registry.
 */
export async function addDependencies(
  dependencies: readonly LockedDependency[],
  chart: string,
  fetches: boolean,
): Promise<void> {
  for (const dependency of dependencies) {
    const file = await dependencyFile(dependency, fetches);
    const target = join(chart, "charts", `${dependency.name}-${dependency.version}.tgz`);
    mkdirSync(join(chart, "charts"), { recursive: true });
    copyFileSync(file, target);
    for (const path of [target, join(chart, "charts"), chart])
      utimesSync(path, sourceDateEpoch, sourceDateEpoch);
  }
}

/** The package of a dependency on this machine. */
export async function dependencyFile(
  { reference, digest }: LockedDependency,
  fetches: boolean,
): Promise<string> {
  const file = join(folder, `${digest.replace(":", "-")}.tgz`);
  if (existsSync(file)) return file;
  if (!fetches)
    throw new InputError(
      `${reference} is not on this machine, and a preview asks no repository; make bases UPDATE=1 fetches it`,
    );
  const [, host = "", repository = ""] = /^([^/]+)\/(.+):[^:]+$/.exec(reference) ?? [];
  const client = new RegistryClient({ host, tls: isThisMachine(host) ? "plain-http" : "verify" });
  try {
    const manifest = await client.getManifest(repository, digest);
    const layer = manifest?.blobs.find(({ mediaType }) => mediaType === chartPackageType);
    if (!layer)
      throw new InputError(
        `${reference} is no chart in ${host} under ${digest}; make bases UPDATE=1 takes what its tag holds now`,
      );
    mkdirSync(folder, { recursive: true });
    const draft = `${file}.${process.pid}`;
    await client.downloadBlob(repository, layer, draft);
    renameSync(draft, file);
    return file;
  } finally {
    client.close();
  }
}
