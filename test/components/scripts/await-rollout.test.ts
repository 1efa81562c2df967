import { chmodSync, existsSync, readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import type { RolloutRequest } from "../../../components/scripts/await-rollout.ts";
import { readTimings } from "../../../delivery/basics/timings.ts";
import type { LiveApplication } from "../../../delivery/rollout/completion.ts";
import { type Wait, writeWait } from "../../../delivery/rollout/wait-settings.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { runScript } from "../../run-script.ts";
import type { Ended } from "../../run-typescript.ts";

const digest = `sha256:${"1".repeat(64)}`;
const lost = `sha256:${"2".repeat(64)}`;
const source = { repoURL: "oci://cluster.test/charts/shop", path: ".", targetRevision: "1.2.3" };
const destination = { server: "https://api.test", namespace: "town" };

const request: RolloutRequest = {
  context: "somewhere",
  namespace: "argo",
  wanted: { name: "shop", spec: { source, destination }, digest },
  images: ["web"],
  wait: "wait.json",
};

const sync = { status: "Synced", revision: digest, comparedTo: { source, destination } };
const healthy = { sync, health: { status: "Healthy" }, operationState: { phase: "Succeeded" } };

let folder = "";

beforeEach(() => {
  folder = enterFolderWith({});
});

/** An event as `kubectl --output-watch-events` prints it. */
function event(status: LiveApplication["status"], type = "MODIFIED"): string {
  return `${JSON.stringify({ type, object: { metadata: { name: "shop" }, status } }, undefined, 4)}\n`;
}

/**
 * Puts a kubectl on PATH that notes its arguments, does as the script says where an Application is watched, and
 * prints the file with a resource's name, or `log`, otherwise; it fails where there is none.
 */
function kubectl(watch: string, files: Readonly<Record<string, string>> = {}): void {
  writeFiles("bin", {
    kubectl: [
      "#!/bin/sh",
      'echo "$*" >> calls',
      'case "$1 $2" in',
      '"get application.argoproj.io")',
      "times=$(grep -c ^get.application calls)",
      watch,
      ";;",
      '"get "*) exec cat "$2" ;;',
      '"logs "*) exec cat log ;;',
      "esac",
      "",
    ].join("\n"),
  });
  chmodSync("bin/kubectl", 0o755);
  writeFiles(".", files);
}

const hold = "exec sleep 60";

function run(
  { context = "somewhere", ...wait }: Partial<Wait> & { readonly context?: string } = {},
  env: Record<string, string> = {},
): Promise<Ended> {
  writeWait(request.wait, { waitSeconds: 20, ...wait });
  return runScript(
    "components/scripts/await-rollout.ts",
    { ...request, context },
    { PATH: `${folder}/bin:${process.env["PATH"] ?? ""}`, TINYOLLY_TIMINGS: "", ...env },
  );
}

const next = (access: string, seconds?: number): string[] => [
  "",
  "Next: mend the cause and run pulumi up again, which waits again even where nothing changed.",
  `      To see more: kubectl ${access} --namespace=argo describe application.argoproj.io shop`,
  ...(seconds === undefined
    ? []
    : [`      To wait longer than ${seconds} s: pulumi config set waitSeconds …`]),
  "",
];

describe("the wait for an Application", () => {
  test("ends well when it is Synced and Healthy, and says each change once", async () => {
    const old = { ...healthy, sync: { ...sync, revision: lost } };
    const progressing = {
      ...healthy,
      health: { status: "Progressing", message: "Caused by apps/Deployment:town/web" },
    };
    kubectl(`cat old; sleep 0.3; cat old; cat progressing; sleep 0.3; cat healthy; ${hold}`, {
      old: event(old, "ADDED"),
      progressing: event(progressing),
      healthy: event(healthy),
    });
    expect(await run({}, { TINYOLLY_TIMINGS: "timings" })).toEqual({
      status: 0,
      stdout: "",
      stderr: [
        "shop: waiting for Argo CD to see the new revision",
        "shop: Synced, Progressing: Deployment web",
        "shop: Synced, Healthy",
        "",
      ].join("\n"),
    });
    expect(readFileSync("calls", "utf8")).toBe(
      "get application.argoproj.io shop --namespace=argo --watch --output-watch-events --output=json " +
        "--context=somewhere --request-timeout=60s\n",
    );
    const [first, second, ...others] = readTimings("timings");
    expect([first?.phase, second?.phase, others]).toEqual(["sync", "roll-out", []]);
    expect(first?.end).toBe(second?.start);
  });

  test("goes on when kubectl ends early or the cluster is away for a moment", async () => {
    kubectl(
      `case $times in 1) cat old ;; 2) echo "Unable to connect to the server: EOF" >&2; exit 1 ;; *) cat healthy; ${hold} ;; esac`,
      { old: event({}), healthy: event(healthy) },
    );
    const { status, stderr } = await run({
      kubeconfig: "my config; echo",
    });
    expect(stderr.split("\n")).toEqual([
      "shop: waiting for Argo CD to see the new revision",
      "shop: the cluster cannot be read: Unable to connect to the server: EOF",
      "shop: Synced, Healthy",
      "",
    ]);
    expect(status).toBe(0);
    expect(readFileSync("calls", "utf8")).toContain("60s --kubeconfig=my config; echo\n");
    expect(existsSync("timings")).toBe(false);
  });

  test("asks Argo CD to try again what failed in a run before", async () => {
    const failed = {
      ...healthy,
      sync: { ...sync, status: "OutOfSync" },
      operationState: { phase: "Error", message: "timed out", finishedAt: "10:00" },
    };
    kubectl(`cat failed; until grep -q ^patch calls; do sleep 0.1; done; cat healthy; ${hold}`, {
      failed: event(failed),
      healthy: event(healthy),
    });
    const { status, stderr } = await run();
    expect(stderr.split("\n")).toEqual([
      "shop: sync Error",
      "shop: asking Argo CD to leave what failed before, or to try it again",
      "shop: Synced, Healthy",
      "",
    ]);
    expect(status).toBe(0);
    expect(readFileSync("calls", "utf8").split("\n")[1]).toBe(
      "patch application.argoproj.io shop --namespace=argo --type=merge " +
        '--patch={"operation":{"initiatedBy":{"username":"pulumi"},"retry":{"limit":5},"sync":{"prune":true}}} ' +
        "--context=somewhere --request-timeout=10s",
    );
  });
});

test("a cluster that does not let Argo CD be asked is told, and the wait goes on", async () => {
  const failed = {
    ...healthy,
    sync: { ...sync, status: "OutOfSync" },
    operationState: { phase: "Error", finishedAt: "10:00" },
  };
  kubectl(`cat failed; ${hold}`, { failed: event(failed) });
  const script = readFileSync("bin/kubectl", "utf8");
  const refuses = script.replace("esac", '"patch "*) echo forbidden >&2; exit 1 ;;\nesac');
  writeFiles("bin", { kubectl: refuses });
  const { status, stdout, stderr } = await run({ waitSeconds: 1 });
  expect(stderr.split("\n")[2]).toBe("shop: Argo CD cannot be asked: forbidden");
  expect(stdout).toMatch(
    /^shop is not Synced and Healthy at the new revision after 1 s: sync Error\n/,
  );
  expect(status).toBe(1);
});

describe("the wait for an Application fails", () => {
  test("when there is none", async () => {
    kubectl(
      `echo 'Error from server (NotFound): applications.argoproj.io "shop" not found' >&2; exit 1`,
    );
    expect(await run()).toEqual({
      status: 1,
      stdout: [
        "there is no Application shop in namespace argo: somebody deleted it, and pulumi up makes it again",
        ...next("--context=somewhere"),
      ].join("\n"),
      stderr: "",
    });
  });

  test("when it is deleted meanwhile", async () => {
    kubectl(`cat old; cat deleted; ${hold}`, {
      old: event({}, "ADDED"),
      deleted: event({}, "DELETED"),
    });
    expect((await run()).stdout).toMatch(/^there is no Application shop in namespace argo: /);
  });

  test("without kubectl", async () => {
    expect(await run({}, { PATH: "nowhere" })).toEqual({
      status: 1,
      stdout:
        "kubectl is not on PATH, so nobody can tell whether shop rolls out; " +
        'install it, run eval "$(make -s env)" to use the platform\'s\n',
      stderr: "",
    });
  });

  test("when the cluster never answers", async () => {
    kubectl(`echo "Unable to connect to the server: EOF" >&2; exit 1`);
    const kubeconfig = "other";
    // A tenth of the wait, and 30 s at most.
    expect(await run({ waitSeconds: 20, kubeconfig })).toEqual({
      status: 1,
      stdout: [
        "shop cannot be followed: for 2 s the cluster could not be read: Unable to connect to the server: EOF",
        ...next("--kubeconfig=other --context=somewhere"),
      ].join("\n"),
      stderr: "shop: the cluster cannot be read: Unable to connect to the server: EOF\n",
    });
  });

  test("when its sync fails, with what Argo CD says of each resource", async () => {
    const syncing = { ...healthy, operationState: { phase: "Running" } };
    const failed = {
      sync: { ...sync, status: "OutOfSync" },
      health: { status: "Missing" },
      conditions: [{ type: "SyncError", message: "Failed last sync attempt" }],
      operationState: {
        phase: "Failed",
        message: "one or more objects failed to apply",
        syncResult: {
          revision: digest,
          source,
          resources: [
            {
              kind: "Service",
              name: "web",
              namespace: "town",
              status: "SyncFailed",
              message: "port 0",
            },
          ],
        },
      },
      resources: [
        { kind: "Service", name: "web", namespace: "town", status: "OutOfSync" },
        { kind: "ConfigMap", name: "web", namespace: "town", status: "Synced" },
      ],
    };
    kubectl(`cat syncing; sleep 0.3; cat failed; ${hold}`, {
      syncing: event(syncing),
      failed: event(failed),
    });
    expect(await run()).toEqual({
      status: 1,
      stdout: [
        "shop does not roll out: the sync failed",
        "SyncError: Failed last sync attempt",
        "sync Failed: one or more objects failed to apply",
        "",
        "Service web: OutOfSync",
        "  port 0",
        ...next("--context=somewhere"),
      ].join("\n"),
      stderr: "shop: syncing\n",
    });
  });

  test("in time, with the pods that are not ready, their events and logs", async () => {
    const list = (...items: object[]): string => JSON.stringify({ kind: "List", items });
    const owned = (uid: string, name: string, owner: string) => ({
      name,
      uid,
      namespace: "town",
      ownerReferences: [{ uid: owner, name: owner }],
    });
    const image = `pull.test/web:v1@${lost}`;
    const degraded = {
      ...healthy,
      health: { status: "Degraded" },
      resources: [
        { kind: "Deployment", name: "web", namespace: "town", status: "Synced" },
        { kind: "StatefulSet", name: "db", namespace: "town", status: "Synced" },
      ],
    };
    kubectl(`cat degraded; ${hold}`, {
      degraded: event(degraded),
      "deployments.apps": list({
        metadata: { name: "web", uid: "d" },
        status: { updatedReplicas: 1 },
      }),
      "replicasets.apps": list({ metadata: owned("r", "web-1", "d") }),
      "statefulsets.apps": list({
        metadata: { name: "db", uid: "s" },
        status: { updatedReplicas: 1 },
      }),
      pods: list(
        {
          metadata: owned("p", "web-1-a", "r"),
          spec: { containers: [{ name: "web", image }] },
          status: {
            containerStatuses: [
              {
                name: "web",
                state: { waiting: { reason: "ImagePullBackOff", message: "Back-off" } },
              },
            ],
          },
        },
        {
          metadata: owned("q", "db-0", "s"),
          status: {
            containerStatuses: [
              {
                name: "redis",
                restartCount: 3,
                state: { waiting: { reason: "CrashLoopBackOff" } },
                lastState: { terminated: { exitCode: 1, reason: "Error" } },
              },
            ],
          },
        },
      ),
      events: list({
        involvedObject: { kind: "Pod", name: "web-1-a" },
        reason: "Failed",
        message: `Failed to pull image "${image}": not found`,
        count: 4,
      }),
      log: "\u001b[31mreading /etc/redis.conf\u001b[0m\ncannot bind\n",
    });
    expect(await run({ waitSeconds: 1 })).toEqual({
      status: 1,
      stdout: [
        "shop is not Synced and Healthy at the new revision after 1 s: Synced, Degraded",
        "",
        "Deployment web: 0 of 1 ready",
        "  pod web-1-a",
        "    container web: ImagePullBackOff: Back-off",
        `      the registry lost ${lost} of pull.test/web:v1: run pulumi up, which notices a lost image and pushes it again`,
        `    event Failed (4 times): Failed to pull image "${image}": not found`,
        "",
        "StatefulSet db: 0 of 1 ready",
        "  pod db-0",
        "    container redis: CrashLoopBackOff; it ended with exit code 1 (Error)",
        "      last lines of redis before it crashed:",
        "        reading /etc/redis.conf",
        "        cannot bind",
        ...next("--context=somewhere", 1),
      ].join("\n"),
      stderr: "shop: Synced, Degraded\n",
    });
    const calls = readFileSync("calls", "utf8");
    expect(calls).toContain(
      "logs db-0 --namespace=town --container=redis --tail=10 --previous --context=somewhere --request-timeout=10s\n",
    );
    expect(calls).toContain(
      "get events --namespace=town --output=json --field-selector=type=Warning --context=somewhere --request-timeout=10s\n",
    );
    expect(calls.match(/^get pods /gm)).toHaveLength(1);
  });
});
