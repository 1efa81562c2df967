import type { Repair } from "./application";
import type { ApplicationPlan } from "./application-spec";
import { findDrift, noDrift } from "./drift";
import { type Cluster, readLiveApplications } from "./live-applications";
import type { Plan } from "./plan";
import { type StateResource, readRecorded } from "./recorded";
import type { Endpoints } from "./references";
import { type Republication, republications } from "./republication";

/** What state, registry and cluster say about what is planned, by name. */
export interface Observation {
  readonly images: ReadonlyMap<string, Republication>;
  readonly charts: ReadonlyMap<string, Republication>;
  readonly applications: ReadonlyMap<string, Repair>;
}

/** What {@link observe} looks at. */
export interface ObserveArgs {
  readonly plan: Plan;
  /** Resources of the stack; the cluster is asked while they are read. */
  readonly state: readonly StateResource[] | Promise<readonly StateResource[]>;
  readonly endpoints: Endpoints;
  readonly applications: readonly ApplicationPlan[];
  /** Where the Applications are; undefined where there are none. */
  readonly cluster: Cluster | undefined;
  /** Whether registry and cluster are left alone. */
  readonly offline: boolean;
}

/**
 * Reads what was published and asks whether it is still there.
 *
 * @throws InputError when registry or cluster cannot be asked.
 */
export async function observe(args: ObserveArgs): Promise<Observation> {
  const { plan, endpoints, applications, cluster, offline } = args;
  const [first] = applications;
  const live =
    cluster && first && !offline
      ? readLiveApplications(cluster, first.argocd.namespace)
      : Promise.resolve(new Map<string, unknown>());
  // Before the first run nobody awaits it.
  live.catch(() => undefined);
  const recorded = readRecorded(await args.state);
  const drift = offline
    ? noDrift
    : await findDrift({
        plan,
        recorded,
        endpoints,
        applications: cluster ? applications : [],
        readApplications: () => live,
      });
  return {
    images: republications(recorded.images, drift.images),
    charts: republications(recorded.charts, drift.charts),
    applications: new Map(
      [...recorded.applications].map(([name, { repairs }]) => {
        const found = drift.applications.get(name);
        return [name, { repairs: repairs + (found ? 1 : 0), drift: found }];
      }),
    ),
  };
}

/** One sentence for each thing that is not as the state says. */
export function driftMessages({ images, charts, applications }: Observation): string[] {
  const artifacts = [...images.values(), ...charts.values()].flatMap(
    ({ absence }) => absence ?? [],
  );
  const edited = [...applications.values()].flatMap(({ drift }) => drift ?? []);
  return [
    ...artifacts.map(({ cause, detail }) => `${cause}: ${detail}; up pushes it again`),
    ...edited.map(({ cause, detail }) => `${cause}: ${detail}; up applies it again`),
  ];
}
