import { type ApplicationPlan, applicationSpec } from "../plan/application-spec.ts";
import { editedPaths } from "../rollout/live-applications.ts";
import { type PresenceQuestion, type Presences, findPresences } from "./presence.ts";
import type { Recorded } from "./recorded.ts";

/** What registry and cluster say about what is planned, by name. */
export interface Drift extends Presences {
  readonly applications: ReadonlyMap<string, ApplicationDrift>;
}

/** How an Application in the cluster is not as it was applied. */
export interface ApplicationDrift {
  readonly cause: "missing-application" | "edited";
  readonly detail: string;
}

/** What {@link findEdited} compares. */
export interface EditQuestion {
  readonly recorded: Recorded;
  readonly applications: readonly ApplicationPlan[];
  /** Reads the `spec` of each Application in the cluster, by name. */
  readonly readApplications: () => Promise<ReadonlyMap<string, unknown>>;
}

/** What {@link findDrift} compares. */
export type DriftQuestion = PresenceQuestion & EditQuestion;

/**
 * Asks registry and cluster, with reads only, whether what the state recorded is still there, and whether what it has not
 * recorded is there already.
 *
 * @throws RegistryError, InputError when one does not answer; only a 404 means that something is missing.
 */
export async function findDrift(question: DriftQuestion): Promise<Drift> {
  const [presences, applications] = await Promise.all([
    findPresences(question),
    findEdited(question),
  ]);
  return { ...presences, applications };
}

/**
 * Asks the cluster whether Applications are as they were applied. One that the plan changes anyway is not asked for.
 *
 * @throws InputError when it does not answer.
 */
export async function findEdited({
  recorded,
  applications,
  readApplications,
}: EditQuestion): Promise<Map<string, ApplicationDrift>> {
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

/** How an Application that is as planned is put right. */
export interface Repair {
  /** How often it was and will be put right; part of the inputs, so that one more is a change. */
  readonly repairs: number;
  /** What is wrong in the cluster now; undefined when nothing is. */
  readonly drift: ApplicationDrift | undefined;
}
