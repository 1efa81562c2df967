import type { ApplicationPlan } from "../plan/application-spec.ts";
import type { Plan } from "../plan/plan.ts";
import type { Endpoints } from "../registry/references.ts";
import {
  type Cluster,
  type LiveApplication,
  readLiveApplications,
} from "../rollout/live-applications.ts";
import type { Signer } from "../signing/signing.ts";
import { findApplications } from "./application-findings.ts";
import type { ApplicationFinding, Findings } from "./finding.ts";
import { type Recorded, type StateResource, readRecorded } from "./recorded.ts";
import { assumeInRegistry, findInRegistry } from "./registry-findings.ts";

/** What {@link findAll} looks at. */
export interface FindArgs {
  readonly plan: Plan;
  /** Resources of the stack; the cluster is asked while they are read. */
  readonly state: readonly StateResource[] | Promise<readonly StateResource[]>;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
  /** Templates of the aliases that it takes. @default - none */
  readonly aliases?: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: Signer | undefined;
  readonly applications: readonly ApplicationPlan[];
  /** The stack, as `project/stack`. */
  readonly owner: string;
  /** Where the Applications are; undefined where there are none. */
  readonly cluster: Cluster | undefined;
  /** Whether registry and cluster are left alone. */
  readonly offline: boolean;
  /** What {@link startReading} began before the sources were read. @default - it begins now */
  readonly live?: LiveApplications | undefined;
}

type LiveApplications = Promise<ReadonlyMap<string, LiveApplication>>;

/** Begins to read the Applications of Argo CD's namespace, where they are asked for. */
export function startReading({
  cluster,
  offline,
  argocd,
}: Pick<FindArgs, "cluster" | "offline"> & Pick<ApplicationPlan, "argocd">):
  LiveApplications | undefined {
  if (!cluster || offline) return undefined;
  const live = readLiveApplications(cluster, argocd.namespace);
  // It may fail before anybody awaits it.
  live.catch(() => undefined);
  return live;
}

/**
 * Reads what was published and applied, and asks registry and cluster, with reads only, whether it is still there, and whether
 * what was not published is there already.
 *
 * @throws InputError when one of them does not answer; only a 404 means that something is missing.
 */
export async function findAll(args: FindArgs): Promise<Findings> {
  const { plan, endpoints, release, aliases = [], signing, offline } = args;
  const compare = startComparing(args);
  const recorded = readRecorded(await args.state);
  const question = { plan, recorded, endpoints, release, aliases, signing };
  const [registry, applications] = await Promise.all([
    offline ? assumeInRegistry(question) : findInRegistry(question),
    compare(recorded),
  ]);
  return { ...registry, applications };
}

/** What {@link findApplicationsAlone} looks at. */
type ApplicationArgs = Pick<FindArgs, "applications" | "owner" | "cluster" | "offline" | "live">;

/** What state and cluster say about Applications alone, by name. */
export async function findApplicationsAlone(
  args: ApplicationArgs & Pick<FindArgs, "state">,
): Promise<Map<string, ApplicationFinding>> {
  const compare = startComparing(args);
  return compare(readRecorded(await args.state));
}

/** Reads the Applications in the cluster, where any are to be looked at; returns what compares them with the state. */
function startComparing({
  applications,
  owner,
  cluster,
  offline,
  live: begun,
}: ApplicationArgs): (recorded: Recorded) => Promise<Map<string, ApplicationFinding>> {
  const asked = cluster && !offline ? applications : [];
  const [first] = asked;
  const live =
    begun ??
    (first && startReading({ cluster, offline, argocd: first.argocd })) ??
    Promise.resolve(new Map<string, LiveApplication>());
  const readApplications = (): LiveApplications => live;
  return (recorded) => findApplications({ recorded, applications: asked, owner, readApplications });
}
