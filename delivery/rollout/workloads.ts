/** A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or Pod, as far as it is read here. */
export interface Workload {
  readonly metadata: Metadata;
  readonly spec?: { readonly replicas?: number; readonly completions?: number };
  readonly status?: WorkloadStatus;
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly creationTimestamp?: string;
  readonly generation?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly { readonly uid: string; readonly name: string }[];
}

interface WorkloadStatus {
  readonly updateRevision?: string;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly updatedReplicas?: number;
  readonly desiredNumberScheduled?: number;
  readonly numberReady?: number;
  readonly updatedNumberScheduled?: number;
  readonly succeeded?: number;
  readonly conditions?: readonly WorkloadCondition[];
}

interface WorkloadCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** A Pod, as far as it is read here. */
export interface Pod extends Omit<Workload, "spec" | "status"> {
  readonly spec?: {
    readonly containers?: readonly { readonly name: string; readonly image: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly image: string }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly WorkloadCondition[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

interface ContainerState {
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly running?: object;
  readonly terminated?: Termination;
}

interface Termination {
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode: number;
}

/** One reason why a pod is not ready. */
export interface PodTrouble {
  readonly text: string;
  readonly container?: string;
  /** Image that could not be pulled. */
  readonly lostImage?: string;
  /** Which log tells more; left out where there is none. */
  readonly log?: "current" | "previous";
}

/** How far a workload is, where it is not done; and what its conditions say. */
export function workloadState(
  { metadata, spec = {}, status = {} }: Workload,
  kind: string,
): { state: string | undefined; problems: string[] } {
  const problems = (status.conditions ?? [])
    .filter(({ type, status: value }) => (bad[type] ?? "") === value)
    .map(({ reason = "", message = "" }) => `${reason}: ${message}`);
  const [wanted, updated, ready] = counts(kind, spec, status);
  const seen = (status.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const state =
    kind === "Pod"
      ? undefined
      : !seen && kind !== "Job"
        ? "its controller has not seen the change"
        : updated < wanted
          ? `${updated} of ${wanted} updated`
          : ready < wanted
            ? `${ready} of ${wanted} ${kind === "Job" ? "completed" : "ready"}`
            : undefined;
  return { state, problems: state === undefined ? [] : problems };
}

/** Values of conditions that are no good. */
const bad: Readonly<Record<string, string>> = {
  ReplicaFailure: "True",
  Failed: "True",
  Progressing: "False",
};

function counts(
  kind: string,
  { replicas = 1, completions = 1 }: NonNullable<Workload["spec"]>,
  status: WorkloadStatus,
): [wanted: number, updated: number, ready: number] {
  const { desiredNumberScheduled = 0, updatedNumberScheduled = 0, numberReady = 0 } = status;
  const { updatedReplicas = 0, readyReplicas = 0, succeeded = 0 } = status;
  if (kind === "Pod") return [0, 0, 0];
  if (kind === "Job") return [completions, completions, succeeded];
  if (kind === "DaemonSet") return [desiredNumberScheduled, updatedNumberScheduled, numberReady];
  return [replicas, kind === "ReplicaSet" ? replicas : updatedReplicas, readyReplicas];
}

/** Pods of a workload that run and are not ready; those of a Deployment belong to its ReplicaSets. */
export function unreadyPods(
  workload: Workload,
  replicaSets: readonly Workload[],
  pods: readonly Pod[],
): Pod[] {
  const owners = new Set([workload.metadata.uid]);
  for (const { metadata } of replicaSets) if (isOwned(metadata, owners)) owners.add(metadata.uid);
  return pods.filter(
    ({ metadata, status = {} }) =>
      (metadata.uid === workload.metadata.uid || isOwned(metadata, owners)) &&
      status.phase !== "Succeeded" &&
      !status.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
  );
}

/** Names of the ReplicaSets of a Deployment. */
export function replicaSetNames(workload: Workload, replicaSets: readonly Workload[]): string[] {
  const owners = new Set([workload.metadata.uid]);
  return replicaSets
    .filter(({ metadata }) => isOwned(metadata, owners))
    .map(({ metadata }) => metadata.name);
}

function isOwned(
  { ownerReferences = [] }: Metadata,
  owners: ReadonlySet<string | undefined>,
): boolean {
  return ownerReferences.some(({ uid }) => owners.has(uid));
}

/** What a pod says of its containers; one of those that come first is ready when it has finished, and the others wait for it. */
export function containersOf({ status = {} }: Pick<Pod, "status">): ContainerStatus[] {
  return [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
}

/** Why a pod is not ready, its containers first that are the reason. */
export function podTroubles({ spec = {}, status = {} }: Pod): PodTrouble[] {
  const { phase = "Unknown", reason, message, conditions = [] } = status;
  const unscheduled = conditions.find(
    ({ type, status: value }) => type === "PodScheduled" && value === "False",
  );
  if (unscheduled) return [{ text: `is not scheduled: ${unscheduled.message ?? ""}` }];
  const images = new Map(
    [...(spec.initContainers ?? []), ...(spec.containers ?? [])].map(({ name, image }) => [
      name,
      image,
    ]),
  );
  const troubles = containersOf({ status }).flatMap(
    (container) => containerTrouble(container, images.get(container.name)) ?? [],
  );
  if (troubles.length > 0) return troubles;
  const why = [reason, message].filter((part) => part !== undefined).join(": ");
  return [
    {
      text:
        why === "" ? `is ${phase}, and none of its containers has started` : `is ${phase}: ${why}`,
    },
  ];
}

/** Reasons for which a container waits for others, or for a moment. */
const ordinary = ["PodInitializing", "ContainerCreating"];

function containerTrouble(
  { name, ready = false, restartCount = 0, state = {}, lastState = {} }: ContainerStatus,
  image: string | undefined,
): PodTrouble | undefined {
  const { waiting, terminated, running } = state;
  const container = { container: name };
  if (waiting) {
    const { reason = "waiting", message } = waiting;
    if (ordinary.includes(reason)) return undefined;
    const before = lastState.terminated ? `; it ended with ${ended(lastState.terminated)}` : "";
    const pull = /^(ErrImagePull|ImagePullBackOff)$/.test(reason) && image !== undefined;
    return {
      text: `container ${name}: ${reason}${message === undefined ? "" : `: ${message}`}${before}`,
      ...container,
      ...(pull ? { lostImage: image } : {}),
      ...(lastState.terminated ? { log: "previous" } : {}),
    };
  }
  if (terminated && terminated.exitCode !== 0)
    return {
      text: `container ${name} ended with ${ended(terminated)}`,
      ...container,
      log: "current",
    };
  if (!running || ready) return undefined;
  const crashed = restartCount > 0 && lastState.terminated !== undefined;
  const history = crashed ? `, restarted ${restartCount} times` : "";
  return {
    text: `container ${name} runs but is not ready${history}`,
    ...container,
    log: crashed ? "previous" : "current",
  };
}

function ended({ reason = "Error", exitCode, message }: Termination): string {
  return `exit code ${exitCode} (${reason})${message === undefined ? "" : `: ${message}`}`;
}
