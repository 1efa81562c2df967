import { type LiveApplication, type WantedRollout, isCompared } from "./completion.ts";
import {
  type Pod,
  type Workload,
  podTroubles,
  replicaSetNames,
  unreadyPods,
  workloadState,
} from "./workloads.ts";

/** What {@link diagnose} explains. */
export interface Trouble {
  readonly wanted: WantedRollout;
  /** Name of each image of ours that the chart runs. */
  readonly images: readonly string[];
  /** The Application as it was last seen; undefined when it never was. */
  readonly application: LiveApplication | undefined;
}

/** Runs kubectl on the cluster and resolves to what it prints. */
export type ReadCluster = (args: readonly string[]) => Promise<string>;

const kinds: Readonly<Record<string, string>> = {
  Deployment: "deployments.apps",
  StatefulSet: "statefulsets.apps",
  DaemonSet: "daemonsets.apps",
  ReplicaSet: "replicasets.apps",
  Job: "jobs.batch",
  Pod: "pods",
};
const shownPods = 3;
const shownEvents = 5;
const shownLines = 10;
const widest = 400;

/**
 * Says in lines for people why an Application is not as wanted: Argo CD's own words, each resource that is not right, its
 * pods, their events and logs. What cannot be read is one line and hides nothing else.
 */
export async function diagnose(trouble: Trouble, read: ReadCluster): Promise<string[]> {
  const { wanted, application } = trouble;
  if (!application) return [];
  const { conditions = [], operationState, sync, reconciledAt } = application.status ?? {};
  const lines = conditions.map(({ type, message = "" }) => `${type}: ${fitting(message)}`);
  if (!isCompared(wanted, application.status ?? {})) {
    lines.push(
      `Argo CD has not compared the cluster with what was applied (its last look was ${reconciledAt ?? "never"}): ` +
        `see whether its application controller runs`,
    );
  } else if (sync?.revision !== wanted.digest && conditions.length === 0) {
    lines.push(`Argo CD is at chart ${sync?.revision ?? "none"}, but ${wanted.digest} was pushed`);
  }
  if (operationState?.phase !== undefined && operationState.phase !== "Succeeded")
    lines.push(`sync ${operationState.phase}: ${fitting(operationState.message ?? "")}`);
  return [...lines, ...(await resourceLines(trouble, application, read))];
}

async function resourceLines(
  { images }: Trouble,
  { status = {} }: LiveApplication,
  read: ReadCluster,
): Promise<string[]> {
  const { resources = [], operationState } = status;
  const cluster = new Workloads(read);
  const results = operationState?.syncResult?.resources ?? [];
  const blocks = await Promise.all(
    resources.map(async ({ kind, name, namespace = "", status: sync, health }) => {
      const result = results.find(
        (one) => one.kind === kind && one.name === name && (one.namespace ?? "") === namespace,
      );
      const refused = result?.status === "SyncFailed" || result?.hookPhase === "Failed";
      const lines = refused && result.message !== undefined ? [`  ${fitting(result.message)}`] : [];
      const own = await cluster.troubles(kind, namespace, name, images);
      if (health?.message !== undefined && health.status !== "Healthy")
        lines.push(`  ${fitting(health.message)}`);
      lines.push(...own.lines.map((line) => `  ${line}`));
      const states = [
        // Unknown says only that the chart could not be compared, which the conditions explain.
        sync === "Synced" || sync === "Unknown" ? undefined : sync,
        health?.status === "Healthy" ? undefined : health?.status,
        own.state,
      ].filter((state) => state !== undefined);
      if (states.length + lines.length === 0) return [];
      return ["", `${kind} ${name}: ${states.join(", ") || "not as it should be"}`, ...lines];
    }),
  );
  return [...cluster.unreadable(), ...blocks.flat()];
}

interface Event {
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
  readonly reason?: string;
  readonly message?: string;
  readonly count?: number;
  readonly lastTimestamp?: string | null;
  readonly eventTime?: string | null;
}

/** The workloads of an Application, of which each kind is read once a namespace. */
class Workloads {
  readonly #lists = new Map<string, Promise<readonly unknown[]>>();
  readonly #unreadable = new Set<string>();
  private readonly read: ReadCluster;

  public constructor(read: ReadCluster) {
    this.read = read;
  }

  /** One line for each thing that could not be read. */
  public unreadable(): string[] {
    return [...this.#unreadable].sort();
  }

  public async troubles(
    kind: string,
    namespace: string,
    name: string,
    images: readonly string[],
  ): Promise<{ state: string | undefined; lines: string[] }> {
    const type = kinds[kind];
    if (type === undefined) return { state: undefined, lines: [] };
    // Kubernetes' own types, as far as they are read here.
    const [workloads, replicaSets, pods, events] = (await Promise.all([
      this.list(type, namespace),
      kind === "Deployment" ? this.list("replicasets.apps", namespace) : [],
      this.list("pods", namespace),
      this.list("events", namespace),
    ])) as [Workload[], Workload[], Pod[], Event[]];
    const workload = workloads.find(({ metadata }) => metadata.name === name);
    if (!workload) return { state: undefined, lines: [] };

    const { state, problems } = workloadState(workload, kind);
    const bad = unreadyPods(workload, replicaSets, pods);
    if (state === undefined && bad.length === 0) return { state, lines: [] };
    const lines = problems.map(fitting);
    if (bad.length === 0) {
      // Nobody could make a pod, and whoever tried says why.
      const makers = [name, ...replicaSetNames(workload, replicaSets)];
      lines.push(
        ...eventLines(
          events.filter(({ involvedObject }) => makers.includes(involvedObject?.name ?? "")),
        ),
      );
    }
    for (const pod of bad.slice(0, shownPods))
      lines.push(...(await this.podLines(pod, events, images)));
    if (bad.length > shownPods) lines.push(`and ${bad.length - shownPods} more pods`);
    return { state, lines };
  }

  private async podLines(
    pod: Pod,
    events: readonly Event[],
    images: readonly string[],
  ): Promise<string[]> {
    const { name, namespace = "" } = pod.metadata;
    const about = events.filter(({ involvedObject }) => involvedObject?.name === name);
    const said = about.map(({ message = "" }) => message).join("\n");
    const troubles = podTroubles(pod);
    const lines: string[] = [];
    for (const { text, container, lostImage, log } of troubles) {
      lines.push(fitting(text));
      if (lostImage !== undefined && isGone(`${text}\n${said}`))
        lines.push(`  ${cure(lostImage, images)}`);
      if (container !== undefined && log !== undefined) {
        const which = log === "previous" ? "before it crashed" : "so far";
        const args = ["logs", name, `--namespace=${namespace}`, `--container=${container}`];
        const tail = [`--tail=${shownLines}`, ...(log === "previous" ? ["--previous"] : [])];
        const text = await this.tryRead([...args, ...tail], `the log of pod ${name}`);
        const shown = (text ?? "").split("\n").filter((line) => line.trim() !== "");
        if (shown.length > 0) {
          lines.push(`  last lines of ${container} ${which}:`);
          lines.push(...shown.slice(-shownLines).map((line) => `    ${fitting(line)}`));
        }
      }
    }
    return [`pod ${name}`, ...[...lines, ...eventLines(about)].map((line) => `  ${line}`)];
  }

  private list(type: string, namespace: string): Promise<readonly unknown[]> {
    const key = `${type} ${namespace}`;
    const known = this.#lists.get(key);
    if (known) return known;
    const selector = type === "events" ? ["--field-selector=type=Warning"] : [];
    const args = ["get", type, `--namespace=${namespace}`, "--output=json", ...selector];
    const items = this.tryRead(args, `${type} of namespace ${namespace}`).then((json) => {
      // The shape of a Kubernetes list.
      return json === undefined ? [] : (JSON.parse(json) as { items: unknown[] }).items;
    });
    this.#lists.set(key, items);
    return items;
  }

  private async tryRead(args: readonly string[], what: string): Promise<string | undefined> {
    try {
      return await this.read(args);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#unreadable.add(`${what} cannot be read: ${fitting(why)}`);
      return undefined;
    }
  }
}

function eventLines(events: readonly Event[]): string[] {
  const when = ({ lastTimestamp, eventTime }: Event): string => lastTimestamp ?? eventTime ?? "";
  return [...events]
    .sort((a, b) => when(a).localeCompare(when(b)))
    .slice(-shownEvents)
    .map(({ reason = "", message = "", count = 1 }) =>
      fitting(`event ${reason}${count > 1 ? ` (${count} times)` : ""}: ${message}`),
    );
}

function isGone(text: string): boolean {
  return /not found|manifest unknown|does not exist/i.test(text);
}

function cure(image: string, ours: readonly string[]): string {
  // Charts before 0.3.0 name a tag as well.
  const [, place = "", name = "", digest = ""] =
    /^((?:.*\/)?([^/:@]+)(?::[^/@]+)?)@(sha256:[0-9a-f]{64})$/.exec(image) ?? [];
  return ours.includes(name)
    ? `the registry lost ${digest} of ${place}: run pulumi up, which notices a lost image and pushes it again`
    : `the registry does not have ${image}: correct the image in the chart's values, or push it there`;
}

/** One line that a terminal shows as it is. */
function fitting(text: string): string {
  const line = text
    .replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, "")
    .replaceAll(/[\p{Cc}\s]+/gu, " ")
    .trimEnd();
  // Causes are at the end: who calls whom stands before them.
  const head = Math.floor(widest / 4);
  return line.length > widest
    ? `${line.slice(0, head).trimEnd()} … ${line.slice(head - widest).trimStart()}`
    : line;
}
