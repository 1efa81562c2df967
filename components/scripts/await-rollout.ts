/**
 * Waits until an Argo CD Application is Synced and Healthy at what was applied:
 * `node components/scripts/await-rollout.ts < request.json`.
 *
 * Reads a {@link RolloutRequest} from standard input and says on standard error what changes. Where the wait was in vain it
 * prints why on standard output, which Pulumi shows once, at the end. kubectl finds its own credentials.
 */
import { readFileSync } from "node:fs";
import { noteTiming } from "../../delivery/basics/timings.ts";
import { ApplicationWatch, applicationKind } from "../../delivery/rollout/application-watch.ts";
import { diagnose } from "../../delivery/rollout/diagnosis.ts";
import {
  type ClusterAccess,
  KubectlError,
  accessFlags,
  installKubectl,
  kubectl,
} from "../../delivery/rollout/kubectl.ts";
import { Rollout, type WantedRollout, describeState } from "../../delivery/rollout/completion.ts";
import { type Outlook, Prospects } from "../../delivery/rollout/prospects.ts";
import { readWait } from "../../delivery/rollout/wait-settings.ts";
import { runScript } from "./script.ts";

/** What to wait for, and where. */
export interface RolloutRequest {
  /** Context of the kubeconfig. @default - the current one */
  readonly context?: string | undefined;
  /** Namespace of Argo CD. */
  readonly namespace: string;
  readonly wanted: WantedRollout;
  /** Name of each image of ours that the chart runs. */
  readonly images: readonly string[];
  /** File that says how long to wait, and with which kubeconfig: {@link readWait}. */
  readonly wait: string;
}

/** What to wait for, where and how long. */
interface AwaitedRollout extends Pick<RolloutRequest, "namespace" | "wanted"> {
  readonly cluster: ClusterAccess;
  readonly waitSeconds: number;
}

const tickMs = 1000;
/** Between two looks at pods. */
const lookMs = 2000;
/** Seconds for which the cluster may be out of reach. */
const longestOutage = 30;

async function main(): Promise<number> {
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as RolloutRequest;
  const { context, namespace, wanted, images } = request;
  const { waitSeconds, kubeconfig } = readWait(request.wait);
  const cluster = { context, ...(kubeconfig === undefined ? {} : { kubeconfig }) };
  const awaited: AwaitedRollout = { cluster, namespace, wanted, waitSeconds };
  const watch = new ApplicationWatch(cluster, namespace, wanted.name);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      watch.stop();
      process.exit(1);
    });
  }
  try {
    const read = (args: readonly string[]): Promise<string> =>
      kubectl([...args, ...accessFlags(cluster)]);
    const failure = await waitFor(awaited, watch, new Prospects(read));
    if (failure === undefined) return 0;
    const { application } = watch;
    const details = await diagnose({ wanted, images, application }, read);
    print([failure.text, ...details, "", ...nextSteps(awaited, failure)]);
    return 1;
  } catch (error) {
    if (!(error instanceof KubectlError)) throw error;
    print([
      `${error.message}, so nobody can tell whether ${wanted.name} rolls out; ${installKubectl}`,
    ]);
    return 1;
  } finally {
    watch.stop();
  }
}

/** Why the wait was in vain. */
interface Failure {
  readonly text: string;
  /** Whether waiting longer could have helped. */
  readonly late: boolean;
}

/** Resolves to what went wrong, or to undefined when all is well. */
async function waitFor(
  { cluster, namespace, wanted, waitSeconds }: AwaitedRollout,
  watch: ApplicationWatch,
  prospects: Prospects,
): Promise<Failure | undefined> {
  const { name } = wanted;
  const rollout = new Rollout(wanted);
  const start = Date.now();
  const until = performance.now() + waitSeconds * 1000;
  // An API server that only starts again must not fail a run.
  const patience = Math.min(longestOutage, waitSeconds / 10);
  let unreadableSince: number | undefined;
  let syncedAt: number | undefined;
  let outlook: Outlook = {};
  let lookedAt = 0;
  let said = "";
  const say = (state: string): void => {
    if (state !== said) process.stderr.write(`${name}: ${state}\n`);
    said = state;
  };

  for (;;) {
    const left = until - performance.now();
    if (left <= 0) break;
    await watch.change(Math.min(tickMs, left));
    if (watch.gone) {
      const where = `there is no Application ${name} in namespace ${namespace}`;
      return { text: `${where}: somebody deleted it, and pulumi up makes it again`, late: false };
    }
    if (watch.problem === undefined) unreadableSince = undefined;
    else {
      say(`the cluster cannot be read: ${watch.problem}`);
      unreadableSince ??= performance.now();
      if (performance.now() - unreadableSince > patience * 1000) {
        const text = `${name} cannot be followed: for ${patience} s the cluster could not be read: ${watch.problem}`;
        return { text, late: false };
      }
    }
    if (!watch.application) continue;
    const verdict = rollout.judge(watch.application, performance.now());
    if (verdict.kind === "stuck") {
      if (verdict.patch) await patchApplication(cluster, wanted, namespace, verdict.patch);
      return { text: `${name} does not roll out: ${verdict.why}`, late: false };
    }
    if (verdict.kind === "done" || verdict.synced) syncedAt ??= noteTiming("sync", start);
    if (verdict.kind === "done") {
      say("Synced, Healthy");
      noteTiming("roll-out", syncedAt ?? start);
      return undefined;
    }
    if (verdict.synced && performance.now() - lookedAt > lookMs) {
      outlook = await prospects.look(watch.application.status ?? {}, performance.now());
      lookedAt = performance.now();
      if (outlook.hopeless !== undefined)
        return { text: `${name} does not roll out: ${outlook.hopeless}`, late: false };
    }
    const { worst } = verdict.synced ? outlook : {};
    if (watch.problem === undefined)
      say(worst === undefined ? verdict.state : `${verdict.state}; ${worst}`);
    if (verdict.patch) {
      process.stderr.write(
        `${name}: asking Argo CD to leave what failed before, or to try it again\n`,
      );
      await patchApplication(cluster, wanted, namespace, verdict.patch);
    }
  }
  const { application, problem } = watch;
  const state = application ? describeState(wanted, application.status ?? {}) : "no answer";
  return {
    text: `${name} is not Synced and Healthy at the new revision after ${waitSeconds} s: ${problem ?? state}`,
    late: true,
  };
}

/** Changes the Application; where that cannot be, it says so and nothing else happens. */
async function patchApplication(
  cluster: ClusterAccess,
  { name }: WantedRollout,
  namespace: string,
  change: object,
): Promise<void> {
  const args = ["patch", applicationKind, name, `--namespace=${namespace}`, "--type=merge"];
  const patch = `--patch=${JSON.stringify(change)}`;
  await kubectl([...args, patch, ...accessFlags(cluster)]).catch((error: unknown) => {
    if (!(error instanceof KubectlError)) throw error;
    process.stderr.write(`${name}: Argo CD cannot be asked: ${error.message}\n`);
  });
}

function nextSteps(
  { cluster, namespace, wanted, waitSeconds }: AwaitedRollout,
  { late }: Failure,
): string[] {
  const { kubeconfig, context } = cluster;
  const access = [
    ...(kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`]),
    ...(context === undefined ? [] : [`--context=${context}`]),
  ];
  return [
    `Next: mend the cause and run pulumi up again, which waits again even where nothing changed.`,
    `      To see more: kubectl ${access.join(" ")} --namespace=${namespace} describe ${applicationKind} ${wanted.name}`,
    ...(late
      ? [`      To wait longer than ${waitSeconds} s: pulumi config set waitSeconds …`]
      : []),
  ];
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}

runScript(async () => {
  process.exitCode = await main();
});
