import { describe, expect, test } from "vitest";
import {
  type Pod,
  type PodTrouble,
  type Workload,
  podTroubles,
  replicaSetNames,
  unreadyPods,
  workloadState,
} from "../../../delivery/rollout/workloads.ts";

const metadata = { name: "web", uid: "w", generation: 2 };

describe("a workload", () => {
  test.each<[what: string, kind: string, workload: Partial<Workload>, state: string | undefined]>([
    [
      "whose change is not seen yet",
      "Deployment",
      { status: { observedGeneration: 1, updatedReplicas: 1, readyReplicas: 1 } },
      "its controller has not seen the change",
    ],
    [
      "that is being updated",
      "StatefulSet",
      { spec: { replicas: 3 }, status: { updatedReplicas: 1, readyReplicas: 3 } },
      "1 of 3 updated",
    ],
    [
      "of which some are not ready",
      "Deployment",
      { spec: { replicas: 3 }, status: { updatedReplicas: 3, readyReplicas: 1 } },
      "1 of 3 ready",
    ],
    [
      "that is ready",
      "Deployment",
      { status: { updatedReplicas: 1, readyReplicas: 1 } },
      undefined,
    ],
    ["that should be nothing", "Deployment", { spec: { replicas: 0 } }, undefined],
    [
      "of each node",
      "DaemonSet",
      { status: { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberReady: 1 } },
      "1 of 2 ready",
    ],
    ["that is a ReplicaSet", "ReplicaSet", { status: { readyReplicas: 0 } }, "0 of 1 ready"],
    ["that must end", "Job", { status: {} }, "0 of 1 completed"],
    ["that has ended", "Job", { status: { succeeded: 1 } }, undefined],
    ["that is a Pod, which speaks for itself", "Pod", {}, undefined],
  ])("%s", (_, kind, workload, state) => {
    const status = { observedGeneration: 2, ...workload.status };
    expect(workloadState({ metadata, ...workload, status }, kind)).toEqual({ state, problems: [] });
  });

  test("tells the conditions that are no good, as long as it is not right", () => {
    const conditions = [
      { type: "Available", status: "False", reason: "MinimumReplicasUnavailable" },
      { type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded", message: "late" },
      { type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: "no quota" },
    ];
    const status = { observedGeneration: 2, updatedReplicas: 1, conditions };
    expect(workloadState({ metadata, status }, "Deployment")).toEqual({
      state: "0 of 1 ready",
      problems: ["ProgressDeadlineExceeded: late", "FailedCreate: no quota"],
    });
    const ready = { metadata, status: { ...status, readyReplicas: 1 } };
    expect(workloadState(ready, "Deployment").problems).toEqual([]);
  });
});

test("its pods are those of its ReplicaSets too, as long as they run and are not ready", () => {
  const owned = (name: string, owner: string) => ({
    metadata: { name, uid: name, ownerReferences: [{ uid: owner, name: owner }] },
  });
  const ready = { conditions: [{ type: "Ready", status: "True" }] };
  const replicaSets = [owned("new", "w"), owned("foreign", "x")];
  const pods: Pod[] = [
    owned("a", "new"),
    { ...owned("b", "new"), status: ready },
    { ...owned("c", "new"), status: { phase: "Succeeded" } },
    owned("d", "foreign"),
    owned("e", "w"),
    { metadata },
  ];
  const found = unreadyPods({ metadata }, replicaSets, pods);
  expect(found.map(({ metadata: { name } }) => name)).toEqual(["a", "e", "web"]);
  expect(replicaSetNames({ metadata }, replicaSets)).toEqual(["new"]);
});

describe("a pod that is not ready", () => {
  const image = "pull.test/web:v1";
  const terminated = { exitCode: 137, reason: "OOMKilled" };

  test.each<[what: string, status: NonNullable<Pod["status"]>, troubles: readonly PodTrouble[]]>([
    [
      "is not scheduled",
      {
        conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes are available" }],
      },
      [{ text: "is not scheduled: 0/1 nodes are available" }],
    ],
    [
      "waits for its image",
      {
        initContainerStatuses: [
          { name: "init", ready: true, state: { terminated: { exitCode: 0 } } },
        ],
        containerStatuses: [
          { name: "web", state: { waiting: { reason: "ErrImagePull", message: "not found" } } },
        ],
      },
      [{ text: "container web: ErrImagePull: not found", container: "web", lostImage: image }],
    ],
    [
      "crashes again and again",
      {
        containerStatuses: [
          {
            name: "web",
            restartCount: 2,
            state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 40s" } },
            lastState: { terminated },
          },
        ],
      },
      [
        {
          text: "container web: CrashLoopBackOff: back-off 40s; it ended with exit code 137 (OOMKilled)",
          container: "web",
          log: "previous",
        },
      ],
    ],
    [
      "has ended for good",
      {
        containerStatuses: [
          { name: "web", state: { terminated: { ...terminated, message: "x" } } },
        ],
      },
      [
        {
          text: "container web ended with exit code 137 (OOMKilled): x",
          container: "web",
          log: "current",
        },
      ],
    ],
    [
      "runs and fails its probe",
      { containerStatuses: [{ name: "web", state: { running: {} } }] },
      [{ text: "container web runs but is not ready", container: "web", log: "current" }],
    ],
    [
      "runs again after a crash",
      {
        containerStatuses: [
          { name: "web", restartCount: 2, state: { running: {} }, lastState: { terminated } },
        ],
      },
      [
        {
          text: "container web runs but is not ready, restarted 2 times",
          container: "web",
          log: "previous",
        },
      ],
    ],
    [
      "waits for its first container",
      {
        phase: "Pending",
        initContainerStatuses: [{ name: "init", state: { running: {} } }],
        containerStatuses: [{ name: "web", state: { waiting: { reason: "PodInitializing" } } }],
      },
      [{ text: "container init runs but is not ready", container: "init", log: "current" }],
    ],
    [
      "is just being made",
      {
        phase: "Pending",
        containerStatuses: [{ name: "web", state: { waiting: { reason: "ContainerCreating" } } }],
      },
      [{ text: "is Pending, and none of its containers has started" }],
    ],
    [
      "was evicted",
      { phase: "Failed", reason: "Evicted", message: "low on memory" },
      [{ text: "is Failed: Evicted: low on memory" }],
    ],
  ])("%s", (_, status, troubles) => {
    const spec = { containers: [{ name: "web", image }] };
    expect(podTroubles({ metadata, spec, status })).toEqual(troubles);
  });
});
