import type { Drift } from "../basics/drift.ts";
import { type ApplicationPlan, applicationSpec } from "../plan/application-spec.ts";
import { type LiveApplication, editedPaths } from "../rollout/live-applications.ts";
import type { ApplicationFinding } from "./finding.ts";
import type { Recorded, RecordedApplication } from "./recorded.ts";

/** What {@link findApplications} compares. */
export interface ApplicationQuestion {
  readonly recorded: Recorded;
  readonly applications: readonly ApplicationPlan[];
  /** The stack, as `project/stack`. */
  readonly owner: string;
  /** Reads each Application in the cluster, by name. */
  readonly readApplications: () => Promise<ReadonlyMap<string, LiveApplication>>;
}

/**
 * Asks the cluster whether Applications are as they were applied, and whether another stack has made one of their names. The
 * findings are about all that is planned or that the state has.
 *
 * @throws InputError when it does not answer; before anything was applied, it need not.
 */
export async function findApplications({
  recorded: { applications: applied },
  applications,
  owner,
  readApplications,
}: ApplicationQuestion): Promise<Map<string, ApplicationFinding>> {
  const isFirst = !applications.some(({ chart }) => applied.has(chart.name));
  const nothing = new Map<string, LiveApplication>();
  const live =
    applications.length === 0
      ? nothing
      : await readApplications().catch((error: unknown) => {
          if (isFirst) return nothing;
          throw error;
        });
  const planned = new Map(applications.map((one) => [one.chart.name, one]));
  return new Map(
    [...new Set([...applied.keys(), ...planned.keys()])].map((name) => {
      const [plan, before] = [planned.get(name), applied.get(name)];
      const drift = plan && before && applicationDrift(plan, before, live);
      const conflict = plan && ownerConflict(plan, owner, live);
      const repairs = (before?.repairs ?? 0) + (drift ? 1 : 0);
      return [name, { repairs, drift, ...(conflict === undefined ? {} : { conflict }) }];
    }),
  );
}

/** A second stack would take over what the first one keeps as it is. */
function ownerConflict(
  { name, argocd }: ApplicationPlan,
  owner: string,
  live: ReadonlyMap<string, LiveApplication>,
): string | undefined {
  const other = live.get(name)?.owner;
  if (other === undefined || other === owner) return undefined;
  return (
    `Application "${name}" in ${argocd.namespace} is of the stack ${other}; ` +
    `give this one names of its own: pulumi config set namePrefix ${owner.split("/").at(-1) ?? ""}-`
  );
}

function applicationDrift(
  application: ApplicationPlan,
  { spec: applied }: RecordedApplication,
  live: ReadonlyMap<string, LiveApplication>,
): Drift | undefined {
  const { name } = application;
  const found = live.get(name);
  if (!found) return { cause: "missing", detail: `${name} is not in the cluster` };
  const planned = applicationSpec(application);
  // A setting that changes is no edit by hand.
  if (editedPaths(planned, applied).length > 0) return undefined;
  const paths = editedPaths(planned, found.spec);
  if (paths.length === 0) return undefined;
  const are = paths.length === 1 ? "is" : "are";
  return { cause: "edited", detail: `${name}: ${paths.join(", ")} ${are} not as applied` };
}
