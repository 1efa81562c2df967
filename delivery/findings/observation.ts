import type { ApplicationPlan } from "../plan/application-spec.ts";
import type { Plan } from "../plan/plan.ts";
import type { Endpoints } from "../registry/references.ts";
import { type Cluster, readLiveApplications } from "../rollout/live-applications.ts";
import { type Repair, type ApplicationDrift, findDrift, findEdited } from "./drift.ts";
import { type Presences, assumedPresences } from "./presence.ts";
import {
  type Recorded,
  type RecordedRelease,
  type StateResource,
  readRecorded,
} from "./recorded.ts";
import { type Republication, republications } from "./republication.ts";

/** What state, registry and cluster say about what is planned, by name. */
export interface Observation {
  readonly images: ReadonlyMap<string, Republication>;
  readonly charts: ReadonlyMap<string, Republication>;
  readonly applications: ReadonlyMap<string, Repair>;
  /** What the registry says about images and charts. */
  readonly presences: Presences;
  readonly release: ReleaseRepair;
}

/** How a release that was made before is put right. */
export interface ReleaseRepair {
  /** How often it was and will be put right. */
  readonly pushes: number;
  /** What of it is missing now; undefined when nothing is, or it was not made by this stack. */
  readonly missing: string | undefined;
}

/** What {@link observe} looks at. */
export interface ObserveArgs {
  readonly plan: Plan;
  /** Resources of the stack; the cluster is asked while they are read. */
  readonly state: readonly StateResource[] | Promise<readonly StateResource[]>;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
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
  const { plan, endpoints, release, applications, cluster, offline } = args;
  const live = startReading(args);
  const recorded = readRecorded(await args.state);
  const question = { plan, recorded, endpoints, release };
  const drift = offline
    ? { ...assumedPresences(question), applications: new Map<string, ApplicationDrift>() }
    : await findDrift({
        ...question,
        applications: cluster ? applications : [],
        readApplications: () => live,
      });
  return {
    images: republications(recorded.images, drift.images),
    charts: republications(recorded.charts, drift.charts),
    presences: drift,
    release: releaseRepair(release, recorded.release, drift),
    applications: repairs(recorded, drift.applications),
  };
}

/** What state and cluster say about Applications alone, by name. */
export async function observeApplications(
  args: Pick<ObserveArgs, "state" | "applications" | "cluster" | "offline">,
): Promise<Map<string, Repair>> {
  const { applications, cluster, offline } = args;
  const live = startReading(args);
  const recorded = readRecorded(await args.state);
  const asked = cluster && !offline ? applications : [];
  const readApplications = (): Promise<Map<string, unknown>> => live;
  return repairs(recorded, await findEdited({ recorded, applications: asked, readApplications }));
}

/** Begins to read the Applications in the cluster, where any are to be looked at. */
function startReading({
  applications: [first],
  cluster,
  offline,
}: Pick<ObserveArgs, "applications" | "cluster" | "offline">): Promise<Map<string, unknown>> {
  const live =
    cluster && first && !offline
      ? readLiveApplications(cluster, first.argocd.namespace)
      : Promise.resolve(new Map<string, unknown>());
  // Before the first run nobody awaits it.
  live.catch(() => undefined);
  return live;
}

function repairs(
  { applications }: Recorded,
  drift: ReadonlyMap<string, ApplicationDrift>,
): Map<string, Repair> {
  return new Map(
    [...applications].map(([name, { repairs }]) => {
      const found = drift.get(name);
      return [name, { repairs: repairs + (found ? 1 : 0), drift: found }];
    }),
  );
}

function releaseRepair(
  release: string | undefined,
  recorded: RecordedRelease | undefined,
  { images, recorded: isRecorded }: Presences,
): ReleaseRepair {
  if (release === undefined || recorded?.version !== release || isRecorded === undefined)
    return { pushes: recorded?.pushes ?? 0, missing: undefined };
  const untagged = [...images].flatMap(([name, { released }]) => (released ? [] : [name]));
  const missing = [
    ...(untagged.length === 0 ? [] : [`${untagged.join(", ")} of ${release}`]),
    ...(isRecorded ? [] : [`the record of ${release}`]),
  ].join(" and ");
  return missing === ""
    ? { pushes: recorded.pushes, missing: undefined }
    : { pushes: recorded.pushes + 1, missing };
}

/** Why the release cannot be made, with what to do; nothing where it can. */
export function conflicts({ presences: { images, charts } }: Observation): string[] {
  return [...images.values(), ...charts.values()].flatMap(({ conflict }) => conflict ?? []);
}

/** One sentence for each thing that is not as the state says. */
export function driftMessages({ images, charts, applications, release }: Observation): string[] {
  const artifacts = [...images.values(), ...charts.values()].flatMap(
    ({ absence }) => absence ?? [],
  );
  const edited = [...applications.values()].flatMap(({ drift }) => drift ?? []);
  return [
    ...artifacts.map(({ cause, detail }) => `${cause}: ${detail}; up pushes it again`),
    ...edited.map(({ cause, detail }) => `${cause}: ${detail}; up applies it again`),
    ...(release.missing === undefined
      ? []
      : [`missing-release: ${release.missing} is not in the registry; up puts it back`]),
  ];
}
