import * as pulumi from "@pulumi/pulumi";
import type { DeployableChart } from "../components/application.ts";
import { orRunError, refuse } from "../components/run-error.ts";
import { deliverables } from "../deliverables.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { findApplicationsAlone } from "../delivery/findings/find-all.ts";
import type { DeployedChart } from "../delivery/plan/application-spec.ts";
import type { ChartDeliverable } from "../delivery/plan/plan.ts";
import { RegistryClient } from "../delivery/registry/client.ts";
import { type Endpoints, chartRef, pullRef } from "../delivery/registry/references.ts";
import type { ReleaseRecord } from "../delivery/releases/record.ts";
import { type StoredRelease, requireRelease, requireWhole } from "../delivery/releases/store.ts";
import { ownerOf } from "../delivery/rollout/live-applications.ts";
import { type Settings, planApplications } from "../delivery/settings/settings.ts";
import { deploy } from "./applications.ts";
import { readStackState } from "./engine-state.ts";
import { type StackOutputs, outputsOf } from "./stack-outputs.ts";

/**
 * Points the Applications at a release that was recorded before, if all of it is still in the registry. Neither sources nor
 * a builder are needed, and nothing is published.
 */
export async function redeploy(release: string, settings: Settings): Promise<StackOutputs> {
  const state = readStackState();
  const { cluster, offline, publishing } = settings;
  const { stored, applications, findings } = await orRunError(async () => {
    const stored = await readWhole(release, settings);
    const charts = deployedCharts(stored.record);
    const applications = planApplications(charts, withImageFolder(settings, stored.record));
    const look = {
      state,
      applications,
      owner: ownerOf(pulumi.getProject(), pulumi.getStack()),
      cluster,
      offline,
    };
    const findings = await findApplicationsAlone(look);
    refuse([...findings.values()].flatMap(({ conflict }) => conflict ?? []));
    return { stored, applications, findings };
  });
  const { endpoints } = publishing;
  const { record, digest } = stored;
  const charts = registryCharts(record, endpoints);
  const images = Object.entries(record.images).map(([name, { tag, digest }]) => [
    name,
    { repository: pullRef(endpoints, name), tag, digest },
  ]);
  return outputsOf({
    // Each entry has the fields of an image.
    images: Object.fromEntries(images) as StackOutputs["images"],
    charts,
    applications: deploy(charts, { applications, cluster, findings, marks: new Map() }),
    release: { version: record.release, digest },
  });
}

const cure =
  "put it back from a bundle (make load), or deploy another release that make releases lists";

/**
 * Reads a release that can be deployed.
 *
 * @throws InputError when there is no such record, when parts of it are gone, or when the stack does not deploy.
 */
async function readWhole(release: string, settings: Settings): Promise<StoredRelease> {
  const { endpoints } = settings.publishing;
  if (!settings.cluster) {
    throw new InputError(
      `"deploy" is false, so this stack has no Applications to point at ${release}; set it with: pulumi config set deploy true`,
    );
  }
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  try {
    const stored = await requireRelease(client, endpoints.namespace, release);
    await requireWhole(client, endpoints.namespace, stored.record, cure);
    return stored;
  } finally {
    client.close();
  }
}

/** What decides the Applications. */
function deployedCharts({ release, charts }: ReleaseRecord): DeployedChart[] {
  return Object.entries(charts).map(([name, { version, images }]) => ({
    name,
    version,
    ...placeOf(name, release),
    images: new Map(images.map((image) => [image, { name: image }])),
  }));
}

/** Where a chart is deployed, which its record leaves to the program. */
function placeOf(name: string, release: string): Pick<DeployedChart, "namespace" | "keepSecrets"> {
  const charts: Readonly<Record<string, ChartDeliverable>> = deliverables.charts;
  const chart = charts[name];
  if (!chart) {
    throw new InputError(
      `${release} holds chart "${name}", which deliverables.ts does not have; use the version of this project that made it`,
    );
  }
  return { namespace: chart.namespace, keepSecrets: chart.keepSecrets ?? [] };
}

/** The charts in the registry, by name. */
function registryCharts(
  { charts }: ReleaseRecord,
  endpoints: Endpoints,
): Readonly<Record<string, DeployableChart>> {
  return Object.fromEntries(
    Object.entries(charts).map(([name, { version, digest, images }]) => [
      name,
      {
        chart: name,
        version: pulumi.output(version),
        source: pulumi.output(chartRef(endpoints, name)),
        digest: pulumi.output(digest),
        plainHttp: endpoints.inClusterPlainHttp,
        imageNames: images,
      },
    ]),
  );
}

/** Charts that were copied from elsewhere name the registry there, so the Applications say where their images are here. */
function withImageFolder(settings: Settings, { charts }: ReleaseRecord): Settings {
  const { chartValues, plan } = settings;
  const moved = Object.entries(charts).filter(([, { pullFrom }]) => pullFrom !== plan.pullFolder);
  const values = moved.map(
    ([name]) => [name, { imageFolder: plan.pullFolder, ...chartValues[name] }] as const,
  );
  return { ...settings, chartValues: { ...chartValues, ...Object.fromEntries(values) } };
}
