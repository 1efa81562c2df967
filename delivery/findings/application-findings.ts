import type { Drift } from "../basics/drift.ts";
import { type ApplicationPlan, applicationSpec } from "../plan/application-spec.ts";
import { editedPaths } from "../rollout/live-applications.ts";
import type { ApplicationFinding } from "./finding.ts";
import type { Recorded } from "./recorded.ts";

/** What {@link findApplications} compares. */
export interface ApplicationQuestion {
  readonly recorded: Recorded;
  readonly applications: readonly ApplicationPlan[];
  /** Reads the `spec` of each Application in the cluster, by name. */
  readonly readApplications: () => Promise<ReadonlyMap<string, unknown>>;
}

/**
 * Asks the cluster whether Applications are as they were applied; the findings are about all that the state has. The cluster is
 * not asked where nothing that is planned was applied before.
 *
 * @throws InputError when it does not answer.
 */
export async function findApplications({
  recorded,
  applications,
  readApplications,
}: ApplicationQuestion): Promise<Map<string, ApplicationFinding>> {
  const known = applications.filter(({ chart }) => recorded.applications.has(chart.name));
  const live = known.length === 0 ? new Map<string, unknown>() : await readApplications();
  const planned = new Map(known.map((application) => [application.chart.name, application]));
  return new Map(
    [...recorded.applications].map(([name, { spec, repairs }]) => {
      const application = planned.get(name);
      const drift = application && applicationDrift(application, spec, live);
      return [name, { repairs: repairs + (drift ? 1 : 0), drift }];
    }),
  );
}

function applicationDrift(
  application: ApplicationPlan,
  applied: unknown,
  live: ReadonlyMap<string, unknown>,
): Drift | undefined {
  const { name } = application.chart;
  if (!live.has(name)) return { cause: "missing", detail: `${name} is not in the cluster` };
  const planned = applicationSpec(application);
  // A setting that changes is no edit by hand.
  if (editedPaths(planned, applied).length > 0) return undefined;
  const paths = editedPaths(planned, live.get(name));
  if (paths.length === 0) return undefined;
  const are = paths.length === 1 ? "is" : "are";
  return { cause: "edited", detail: `${name}: ${paths.join(", ")} ${are} not as applied` };
}
