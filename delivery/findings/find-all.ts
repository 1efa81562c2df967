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
}

/**
 * Reads what was published and applied, and asks registry and cluster, with reads only, whether it is still there, and whether
 * what was not published is there already.
 *
 * @throws InputError when one of them does not answer; only a 404 means that something is missing.
 */
export async function findAll(args: FindArgs): Promise<Findings> {
  const { plan, endpoints, release, aliases = [], signing, offline } = args;
  const compare = startReading(args);
  const recorded = readRecorded(await args.state);
  const question = { plan, recorded, endpoints, release, aliases, signing };
  const [registry, applications] = await Promise.all([
    offline ? assumeInRegistry(question) : findInRegistry(question),
    compare(recorded),
  ]);
  return { ...registry, applications };
}

/** What {@link findApplicationsAlone} looks at. */
type ApplicationArgs = Pick<FindArgs, "applications" | "owner" | "cluster" | "offline">;

/** What state and cluster say about Applications alone, by name. */
export async function findApplicationsAlone(
  args: ApplicationArgs & Pick<FindArgs, "state">,
): Promise<Map<string, ApplicationFinding>> {
  const compare = startReading(args);
  return compare(readRecorded(await args.state));
}

/** Begins to read the Applications in the cluster, where any are to be looked at; returns what compares them with the state. */
function startReading({
  applications,
  owner,
  cluster,
  offline,
}: ApplicationArgs): (recorded: Recorded) => Promise<Map<string, ApplicationFinding>> {
  const asked = cluster && !offline ? applications : [];
  const [first] = asked;
  const live =
    cluster && first
      ? readLiveApplications(cluster, first.argocd.namespace)
      : Promise.resolve(new Map<string, LiveApplication>());
  // It may fail before the state is known, when nobody awaits it.
  live.catch(() => undefined);
  const readApplications = (): typeof live => live;
  return (recorded) => findApplications({ recorded, applications: asked, owner, readApplications });
}
