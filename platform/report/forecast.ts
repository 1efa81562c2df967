import { deliverables } from "../../deliverables.ts";
import { shortHash } from "../../delivery/basics/sha256.ts";
import { type BuildForecast, forecastBuild } from "../../delivery/findings/build-forecast.ts";
import { bytesBetween, readLayers } from "../../delivery/findings/image-layers.ts";
import {
  type Recorded,
  readRecorded,
  type StateResource,
} from "../../delivery/findings/recorded.ts";
import { planDeliverables } from "../../delivery/plan/plan.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { imageRepository } from "../../delivery/registry/references.ts";
import { readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { buildkitAddress } from "../cluster/services.ts";
import { readLocalState } from "../pulumi/local-state.ts";
import { type PlatformSettings, localStack } from "../settings.ts";
import { type Builder, askBuilder } from "./builder-memory.ts";
import type { Done } from "./deployment.ts";
import { formatBytes, table } from "./table.ts";

/** What a forecast goes by, as it is before a run. */
export interface ForecastBasis {
  readonly recorded: Recorded;
  readonly builder: Builder;
}

/** What the builds of one image did. */
export interface BuildFact {
  readonly steps: number;
  readonly seconds: number;
  /** Bytes that a node pulls which has the image of before. @default - unknown */
  readonly bytes?: number | undefined;
}

/** Takes down what a run will change. */
export function forecastBasis(settings: PlatformSettings): ForecastBasis {
  return { recorded: recordedIn(settings), builder: askBuilder(buildkitAddress(settings)) };
}

/** What is said of the builds of a run. */
export interface BuildReport extends Pick<Done, "built" | "cached"> {
  /** What was to be foretold of each beside what it did, as a table; empty where nothing was. */
  readonly table: string;
}

/**
 * Lays what was to be foretold of each build of a run beside what it did.
 *
 * @param start Begin of the run, in milliseconds since 1970.
 */
export async function reportBuilds(
  settings: PlatformSettings,
  { recorded, builder }: ForecastBasis,
  start: number,
): Promise<BuildReport> {
  const { plan: planned, publishing } = readSettings(readStackConfiguration(localStack));
  const { endpoints } = publishing;
  const { images } = planDeliverables(deliverables, planned);
  const [after, asked] = [recordedIn(settings), askBuilder(buildkitAddress(settings))];
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  const layersOf = (
    name: string,
    digest: string,
    platform: string | undefined,
  ): ReturnType<typeof readLayers> =>
    readLayers(client, imageRepository(endpoints, name), digest, platform);
  const [built, cached] = [new Set<string>(), new Set<string>()];
  try {
    const rows = images.map(async (image): Promise<readonly string[] | undefined> => {
      const {
        name,
        key,
        platforms: [platform],
      } = image;
      const [old, now] = [recorded.images.get(name), after.images.get(name)];
      const build = (await asked.buildsOf(name)).find((one) => one.start >= start);
      if (!build) return undefined;
      (build.ran.length === 0 ? cached : built).add(name);
      // Somebody may edit its files meanwhile.
      if (!old || now?.key !== shortHash(key)) return undefined;
      const [memory, pulled, pulledNow] = await Promise.all([
        builder.memoryOf(name),
        layersOf(name, old.digest, platform),
        layersOf(name, now.digest, platform),
      ]);
      const forecast = forecastBuild(image, old, { builder: memory, pulled });
      if (!forecast) return undefined;
      const bytes = pulled && pulledNow && bytesBetween(pulled, pulledNow);
      const fact = {
        steps: new Set(build.ran.map((step) => step.name)).size,
        seconds: (build.end - build.start) / 1000,
        bytes,
      };
      return [name, foretold(forecast), happened(fact)];
    });
    const known = (await Promise.all(rows)).filter((row) => row !== undefined);
    const header = ["build", "foretold", "in fact"];
    return { table: known.length === 0 ? "" : `\n${table(header, known)}`, built, cached };
  } finally {
    client.close();
  }
}

function recordedIn(settings: PlatformSettings): Recorded {
  // As Pulumi writes them.
  return readRecorded(readLocalState(settings).resources as readonly StateResource[]);
}

/** A forecast for people: `2 to 3 of 9 steps, 8.1 s, 60.0 kB`. */
export function foretold({ steps, seconds, bytes, openBytes }: BuildForecast): string {
  const [runs, open] = (["runs", "open"] as const).map(
    (fate) => steps.filter((step) => step.fate === fate).length,
  );
  const count = open === 0 ? String(runs) : `${runs ?? 0} to ${(runs ?? 0) + (open ?? 0)}`;
  const all = `${steps.length} step${steps.length === 1 ? "" : "s"}`;
  return [`${count} of ${all}`, ...costs({ seconds, bytes, openBytes })].join(", ");
}

/** What happened, in the same words. */
export function happened({ steps, ...cost }: BuildFact): string {
  return [`${steps} step${steps === 1 ? "" : "s"}`, ...costs(cost)].join(", ");
}

function costs(cost: {
  readonly seconds?: number | undefined;
  readonly bytes?: number | undefined;
  readonly openBytes?: number | undefined;
}): string[] {
  const { seconds, bytes, openBytes } = cost;
  return [
    ...(seconds === undefined ? [] : [`${seconds.toFixed(1)} s`]),
    ...(bytes === undefined
      ? []
      : [`${openBytes === undefined ? "" : "up to "}${formatBytes(bytes)}`]),
  ];
}
