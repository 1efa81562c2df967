import type { ApplicationStatus } from "./completion.ts";
import type { ReadCluster } from "./diagnosis.ts";
import { type Pod, type Workload, containersOf, podTroubles, unreadyPods } from "./workloads.ts";

/** What can be said of a roll-out that is not done. */
export interface Outlook {
  /** The pod that is furthest from being ready, and why; undefined where none is in trouble. */
  readonly worst?: string | undefined;
  /** Why waiting cannot help, as a clause. @default - it may */
  readonly hopeless?: string | undefined;
}

/** A pod that cannot be scheduled may only wait for a node that starts. */
const unschedulableMs = 10_000;

/** By which the cluster's clock may be behind. */
const clockMs = 5000;

const pulling = /^(ErrImagePull|ImagePullBackOff|ErrImageNeverPull)$/;
const refused = /not found|manifest unknown|does not exist|unauthorized|denied|forbidden/i;

/** Events of those who make nodes. */
const nodeMakers = ["TriggeredScaleUp", "Nominated", "NominatedForPod"];

const kinds = ["deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"];

/** An object as kubectl lists it. */
interface Listed extends Workload {
  readonly kind: string;
}

interface PodEvent {
  readonly reason?: string;
}

/**
 * Looks at the pods of an Application, again and again, and says as soon as it is sure that they will not get ready: since one ends
 * with the same exit again and again, has an image that is nowhere, or fits on no node.
 */
export class Prospects {
  /** Exit codes of each container in the order of its restarts, by pod and name. */
  readonly #exits = new Map<string, Map<number, number>>();
  readonly #unscheduledSince = new Map<string, number>();
  /** What was last said of the image of each container. */
  readonly #pulls = new Map<string, string>();
  readonly #start = Date.now();
  readonly #read: ReadCluster;

  public constructor(read: ReadCluster) {
    this.#read = read;
  }

  /** @param now Milliseconds of any clock. */
  public async look({ resources = [] }: ApplicationStatus, now: number): Promise<Outlook> {
    const outlooks: Outlook[] = [];
    const namespaces = Map.groupBy(resources, ({ namespace = "" }) => namespace);
    for (const [namespace, own] of namespaces) {
      const items = await this.#list(["pods", ...kinds].join(","), namespace);
      const pods = items.filter((item): item is Listed & Pod => item.kind === "Pod");
      const replicaSets = items.filter(({ kind }) => kind === "ReplicaSet");
      for (const { kind, name } of own) {
        const workload = items.find((item) => item.kind === kind && item.metadata.name === name);
        if (!workload || kind === "Pod") continue;
        const current = replicaSets.filter((set) => isNewest(set, workload, replicaSets));
        for (const pod of unreadyPods(workload, current, pods).filter((pod) =>
          isUpdated(pod, workload),
        ))
          outlooks.push(await this.#judge(pod, namespace, now));
      }
    }
    return outlooks.find(({ hopeless }) => hopeless !== undefined) ?? worstOf(outlooks);
  }

  async #judge(pod: Pod, namespace: string, now: number): Promise<Outlook> {
    const { name } = pod.metadata;
    const [trouble] = podTroubles(pod);
    const worst = `pod ${name} ${trouble?.text ?? "is not ready"}`;
    const hopeless =
      this.#crashes(pod) ?? this.#lostImage(pod) ?? (await this.#fitsNowhere(pod, namespace, now));
    return { worst, hopeless: hopeless && `pod ${name}: ${hopeless}` };
  }

  /** A container that ended twice with the same exit will do so again. */
  #crashes(pod: Pod): string | undefined {
    for (const container of containersOf(pod)) {
      const { name, restartCount = 0, state = {}, lastState = {} } = container;
      const key = `${pod.metadata.uid ?? ""}/${name}`;
      const exits = this.#exits.get(key) ?? new Map<number, number>();
      this.#exits.set(key, exits);
      if (lastState.terminated) exits.set(restartCount - 1, lastState.terminated.exitCode);
      if (state.terminated) exits.set(restartCount, state.terminated.exitCode);
      const codes = [...exits].sort(([a], [b]) => a - b).map(([, code]) => code);
      const [before, last] = codes.slice(-2);
      const isDown = state.waiting?.reason === "CrashLoopBackOff" || state.terminated !== undefined;
      if (isDown && last !== undefined && last !== 0 && last === before)
        return `container ${name} ended with exit code ${last} again and again`;
    }
    return undefined;
  }

  /** An image that the registry does not have, or does not give away. */
  #lostImage(pod: Pod): string | undefined {
    const { uid = "", creationTimestamp = "" } = pod.metadata;
    // What was tried before this wait may be mended: it counts once it is tried again.
    const isNew = Date.parse(creationTimestamp) >= this.#start - clockMs;
    for (const { name, state = {} } of containersOf(pod)) {
      const { reason = "", message = "" } = state.waiting ?? {};
      const before = this.#pulls.get(`${uid}/${name}`);
      this.#pulls.set(`${uid}/${name}`, reason);
      if (reason === "InvalidImageName") return `container ${name} has an image of no valid name`;
      const isTriedAgain = reason === "ErrImagePull" && before !== undefined && before !== reason;
      if (pulling.test(reason) && refused.test(message) && (isNew || isTriedAgain))
        return `the image of container ${name} cannot be pulled`;
    }
    return undefined;
  }

  async #fitsNowhere(pod: Pod, namespace: string, now: number): Promise<string | undefined> {
    const { name, uid = name } = pod.metadata;
    const unscheduled = pod.status?.conditions?.find(
      ({ type, status, reason }) =>
        type === "PodScheduled" && status === "False" && reason === "Unschedulable",
    );
    if (!unscheduled || /unbound immediate/i.test(unscheduled.message ?? "")) {
      this.#unscheduledSince.delete(uid);
      return undefined;
    }
    const since = this.#unscheduledSince.get(uid) ?? now;
    this.#unscheduledSince.set(uid, since);
    if (now - since < unschedulableMs) return undefined;
    const about = `--field-selector=involvedObject.name=${name}`;
    // Kubernetes' own events.
    const events = (await this.#list("events", namespace, about)) as readonly PodEvent[];
    if (events.some(({ reason = "" }) => nodeMakers.includes(reason))) return undefined;
    return `it fits on no node: ${unscheduled.message ?? ""}`;
  }

  async #list(types: string, namespace: string, ...more: string[]): Promise<readonly Listed[]> {
    const args = ["get", types, `--namespace=${namespace}`, "--output=json", ...more];
    try {
      // The shape of a Kubernetes list.
      return (JSON.parse(await this.#read(args)) as { items: Listed[] }).items;
    } catch {
      // The diagnosis says at the end what cannot be read.
      return [];
    }
  }
}

/** Whether a ReplicaSet is the one that a Deployment rolls out. */
function isNewest(set: Workload, workload: Workload, all: readonly Workload[]): boolean {
  const isOwn = ({ metadata }: Workload): boolean =>
    metadata.ownerReferences?.some(({ uid }) => uid === workload.metadata.uid) === true;
  const revision = ({ metadata }: Workload): number =>
    Number(metadata.annotations?.["deployment.kubernetes.io/revision"] ?? 0);
  return isOwn(set) && revision(set) === Math.max(...all.filter(isOwn).map(revision));
}

/** Whether a pod of a StatefulSet is of its new revision; every other pod is. */
function isUpdated({ metadata }: Pod, { status = {} }: Workload): boolean {
  const revision = metadata.labels?.["controller-revision-hash"];
  return (
    status.updateRevision === undefined ||
    revision === undefined ||
    revision === status.updateRevision
  );
}

/** The one that says most: what only begins says least. */
function worstOf(outlooks: readonly Outlook[]): Outlook {
  const begins = /is Pending|none of its containers has started|runs but is not ready$/;
  return outlooks.find(({ worst = "" }) => !begins.test(worst)) ?? outlooks[0] ?? {};
}
