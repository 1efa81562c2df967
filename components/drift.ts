import { type ApplicationPlan, applicationSpec } from "./application-spec";
import { editedPaths } from "./live-applications";
import type { ChartPlan, ImagePlan, Plan } from "./plan";
import { type Absence, type Published, findAbsences } from "./published";
import type { Recorded, RecordedArtifact } from "./recorded";
import { type Endpoints, chartPushRef, pushRef } from "./references";
import { RegistryClient } from "./registry-client";

/** What is not in registry and cluster as the state says, by name, and how. Only things that the plan leaves as they were. */
export interface Drift {
  readonly images: ReadonlyMap<string, Absence>;
  readonly charts: ReadonlyMap<string, Absence>;
  readonly applications: ReadonlyMap<string, ApplicationDrift>;
}

/** How an Application in the cluster is not as it was applied. */
export interface ApplicationDrift {
  readonly cause: "missing-application" | "edited";
  readonly detail: string;
}

/** All is as recorded, or was not looked at. */
export const noDrift: Drift = { images: new Map(), charts: new Map(), applications: new Map() };

/** What {@link findDrift} compares. */
export interface DriftQuestion {
  readonly plan: Plan;
  readonly recorded: Recorded;
  readonly endpoints: Endpoints;
  readonly applications: readonly ApplicationPlan[];
  /** Reads the `spec` of each Application in the cluster, by name. */
  readonly readApplications: () => Promise<ReadonlyMap<string, unknown>>;
}

/**
 * Asks registry and cluster, with reads only, whether what the state recorded is still there. What the plan changes
 * anyway is not asked for.
 *
 * @throws RegistryError, InputError when one does not answer; only a 404 means that something is missing.
 */
export async function findDrift(question: DriftQuestion): Promise<Drift> {
  const [absences, applications] = await Promise.all([findMissing(question), findEdited(question)]);
  return { ...absences, applications };
}

async function findMissing({
  plan,
  recorded,
  endpoints,
}: DriftQuestion): Promise<Omit<Drift, "applications">> {
  const images = plan.images.flatMap((image) =>
    asPlanned(
      recorded.images.get(image.name),
      pushRef(endpoints, image.name, image.tag),
      image.key,
    ).map(({ digest }): Published => imageQuestion(endpoints, image, digest)),
  );
  const charts = plan.charts.flatMap((chart) =>
    asPlanned(
      recorded.charts.get(chart.name),
      chartPushRef(endpoints, chart.name, chart.version),
      chart.key,
    ).map(({ digest }): Published => chartQuestion(endpoints, chart, digest)),
  );
  if (images.length + charts.length === 0) return { images: new Map(), charts: new Map() };
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  try {
    const [missingImages, missingCharts] = await Promise.all([
      findAbsences(client, images),
      findAbsences(client, charts),
    ]);
    return { images: byName(missingImages), charts: byName(missingCharts) };
  } finally {
    client.close();
  }
}

function byName(absences: ReadonlyMap<Published, Absence>): Map<string, Absence> {
  return new Map([...absences].map(([{ name }, absence]) => [name, absence]));
}

/** The recorded artifact, where the plan leaves it as it is. */
function asPlanned(
  recorded: RecordedArtifact | undefined,
  reference: string,
  key: string,
): RecordedArtifact[] {
  return recorded?.reference === reference && key.startsWith(recorded.key) ? [recorded] : [];
}

function imageQuestion(
  { namespace }: Endpoints,
  { name, tag }: ImagePlan,
  digest: string,
): Published {
  return { kind: "image", name, repository: `${namespace}/${name}`, tag, digest };
}

function chartQuestion(
  { namespace }: Endpoints,
  { name, version }: ChartPlan,
  digest: string,
): Published {
  return { kind: "chart", name, repository: `${namespace}/charts/${name}`, tag: version, digest };
}

async function findEdited({
  recorded,
  applications,
  readApplications,
}: DriftQuestion): Promise<Map<string, ApplicationDrift>> {
  const drift = new Map<string, ApplicationDrift>();
  const known = applications.filter(({ chart }) => recorded.applications.has(chart.name));
  if (known.length === 0) return drift;
  const live = await readApplications();
  for (const application of known) {
    const { name } = application.chart;
    const planned = applicationSpec(application);
    // A setting that changes is no edit by hand.
    if (editedPaths(planned, recorded.applications.get(name)?.spec).length > 0 && live.has(name))
      continue;
    const paths = editedPaths(planned, live.get(name));
    if (!live.has(name)) {
      drift.set(name, { cause: "missing-application", detail: `${name} is not in the cluster` });
    } else if (paths.length > 0) {
      drift.set(name, {
        cause: "edited",
        detail: `${name}: ${paths.join(", ")} ${paths.length === 1 ? "is" : "are"} not as applied`,
      });
    }
  }
  return drift;
}
