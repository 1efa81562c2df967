import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { fields } from "../basics/json-fields.ts";
import type { Recorded } from "../findings/recorded.ts";
import type { RegistryClient } from "../registry/client.ts";
import { chartPackageType } from "../registry/media-types.ts";
import { type Endpoints, chartRepository } from "../registry/references.ts";
import type { Capabilities } from "./capabilities.ts";
import type { RenderedObject } from "./rendered-object.ts";
import { renderChart } from "./rendering.ts";

/** A chart that was pushed and is there no more. */
export class LostChart extends InputError {
  public override readonly name = "LostChart";
}

/** What is known of what was deployed, and who is asked for it. */
export interface RecordedCharts {
  readonly recorded: Pick<Recorded, "charts" | "applications">;
  readonly endpoints: Endpoints;
  readonly client: Pick<RegistryClient, "getManifest" | "getBlob">;
  /** Whether the registry is left alone. */
  readonly offline: boolean;
}

/**
 * Renders what an Application was last pointed at, with its values of that time; undefined where it was pointed at nothing.
 *
 * @param name Of its chart.
 * @param release Name of the Application.
 * @throws LostChart where the package is not to be had, RegistryError when the registry does not say so, HelmError where it fails.
 */
export async function renderRecorded(
  name: string,
  release: string,
  capabilities: Promise<Capabilities | undefined>,
  { recorded, endpoints, client, offline }: RecordedCharts,
): Promise<readonly RenderedObject[] | undefined> {
  const application = recorded.applications.get(name);
  if (!application) return undefined;
  const { revision, spec } = application;
  const { source, destination } = fields(spec);
  const { valuesObject: values } = fields(fields(source)["helm"]);
  const namespace = String(fields(destination)["namespace"]);
  const { digest, reference = "" } = recorded.charts.get(name) ?? {};
  const at = digest !== undefined && reference.endsWith(`:${revision}`) ? digest : revision;
  const repository = chartRepository(endpoints, name);
  return renderChart({
    ...{ release, namespace, values, capabilities: await capabilities },
    identity: ["pushed", repository, at],
    unpack: (folder) => {
      if (offline) throw new LostChart("the registry was not asked for what is deployed");
      return unpackPushedChart(client, repository, at, folder);
    },
  });
}

/** Puts the package of a pushed chart into a folder, by its version or digest; returns its path. */
async function unpackPushedChart(
  client: RecordedCharts["client"],
  repository: string,
  reference: string,
  folder: string,
): Promise<string> {
  const manifest = await client.getManifest(repository, reference);
  const layer = manifest?.blobs.find(({ mediaType }) => mediaType === chartPackageType);
  const archive = layer && (await client.getBlob(repository, layer));
  if (!archive) throw new LostChart(`the registry has ${repository}:${reference} no more`);
  const file = join(folder, "chart.tgz");
  writeFileSync(file, archive);
  return file;
}
