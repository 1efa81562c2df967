import { readFileSync, readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { get } from "../../platform/machine/http.ts";
import { statFields } from "../../platform/machine/start-time.ts";
import { kubectl, platform, run } from "./checkout.ts";

/** Address of the web UI, behind which the API answers as well. */
export const ui = `http://127.0.0.1:${platform.ports.ui}`;

/** Long enough for a machine that is busy with other work; only a failing test takes it. */
const patienceMs = 300_000;

/** Asks again and again until there is an answer other than undefined; errors count as none. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (error) {
      last = error;
    }
    await sleep(250);
  }
  throw new Error(`${what}: not within ${patienceMs / 1000} s`, { cause: last });
}

/** An object of the cluster, as far as tests read it. */
export interface Live {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    /** How often what is wanted of it has changed. */
    readonly generation: number;
  };
  readonly spec: Readonly<Record<string, unknown>>;
  readonly status: Readonly<Record<string, unknown>>;
}

/** Objects of a kind in a namespace, but for those that are about to end. */
export function list(kind: string, namespace: string, ...args: string[]): Live[] {
  // A Kubernetes list.
  const { items } = kubectl("get", kind, `--namespace=${namespace}`, ...args) as {
    items: (Live & { metadata: { deletionTimestamp?: string } })[];
  };
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Uid of the pods of a namespace by component; two when a component has two. */
export function podUids(namespace: string): Record<string, string> {
  const pods = list("pods", namespace) as (Live & {
    metadata: { labels: Record<string, string> };
  })[];
  const uids: Record<string, string> = {};
  for (const { metadata } of pods) {
    const component = metadata.labels["app.kubernetes.io/component"] ?? metadata.name;
    uids[component] = [uids[component], metadata.uid].filter(Boolean).join(" ");
  }
  return uids;
}

/** Whether an Application is Synced and Healthy. */
export function isHealthy(name: string): boolean {
  // The status that Argo CD writes.
  const { status } = kubectl("get", "applications.argoproj.io", name, "--namespace=argocd") as {
    status?: { sync?: { status?: string }; health?: { status?: string } };
  };
  return status?.sync?.status === "Synced" && status.health?.status === "Healthy";
}

/** Waits until both Applications are Synced and Healthy. */
export async function untilHealthy(): Promise<void> {
  await until("both Applications are Synced and Healthy", () =>
    isHealthy("tinyolly") && isHealthy("tinyolly-demos") ? true : undefined,
  );
}

/** JSON from TinyOlly's API through the web UI. */
export async function api(path: string): Promise<unknown> {
  const { status, body } = await get(`${ui}${path}`);
  if (status !== 200) throw new Error(`${path} answered ${status}: ${body}`);
  return JSON.parse(body);
}

/** Runs Python in a pod that has TinyOlly's backend; the text of its output. */
export function python(namespace: string, workload: string, code: string): string {
  const args = ["exec", `--namespace=${namespace}`, workload, "--", "python3", "-c", code];
  const { status, output } = run("kubectl", args);
  if (status !== 0) throw new Error(output);
  return output;
}

/** Pid of a process below another one by its command line; undefined where there is none. */
export function processBelow(ancestor: number, command: string): number | undefined {
  const isBelow = (pid: number): boolean =>
    pid === ancestor || (pid > 1 && isBelow(Number(statFields(pid)?.[1] ?? 0)));
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && commandLine(name) === command)
    .map(Number)
    .find(isBelow);
}

/** Words of a process's command line; empty when it has ended. */
function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return "";
  }
}
