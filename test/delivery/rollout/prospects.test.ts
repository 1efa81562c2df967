import { describe, expect, test } from "vitest";
import { type Outlook, Prospects } from "../../../delivery/rollout/prospects.ts";

const deployment = { kind: "Deployment", metadata: { name: "web", uid: "w" } };
const setOf = (revision: number): object => ({
  kind: "ReplicaSet",
  metadata: {
    ...{ name: `web-${revision}`, uid: `set ${revision}` },
    annotations: { "deployment.kubernetes.io/revision": String(revision) },
    ownerReferences: [{ uid: "w", name: "web" }],
  },
});

/** A pod of a ReplicaSet that is not ready. */
const podOf = (revision: number, status: object, ageMs = 0): object => ({
  kind: "Pod",
  metadata: {
    ...{ name: `web-${revision}-x`, uid: `pod ${revision}` },
    creationTimestamp: new Date(Date.now() - ageMs).toISOString(),
    ownerReferences: [{ uid: `set ${revision}`, name: "" }],
  },
  spec: { containers: [{ name: "app", image: "reg.test/web@sha256:1" }] },
  status,
});

const status = { resources: [{ kind: "Deployment", name: "web", namespace: "shop" }] };

/** What is said after each of these looks at the cluster, two seconds apart. */
async function outlooks(
  looks: readonly (readonly object[])[],
  events: readonly object[] = [],
): Promise<Outlook[]> {
  let items: readonly object[] = [];
  const prospects = new Prospects(([, types = ""]) =>
    Promise.resolve(JSON.stringify({ items: types === "events" ? events : items })),
  );
  const told: Outlook[] = [];
  for (const [at, look] of looks.entries()) {
    items = [deployment, setOf(1), setOf(2), ...look];
    told.push(await prospects.look(status, at * 2000));
  }
  return told;
}

const waiting = (reason: string, message: string, more: object = {}): object => ({
  phase: "Pending",
  containerStatuses: [{ name: "app", state: { waiting: { reason, message } }, ...more }],
});

const crashed = (restartCount: number, exitCode: number): object =>
  waiting("CrashLoopBackOff", "back-off", {
    restartCount,
    lastState: { terminated: { exitCode } },
  });

const unschedulable = (message = "0/1 nodes are available"): object => ({
  phase: "Pending",
  conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
});

describe("a roll-out is without hope", () => {
  test.each<[what: string, looks: readonly object[], why: string | undefined]>([
    [
      "as soon as a container ended twice with the same exit",
      [crashed(1, 3), crashed(2, 3)],
      "pod web-2-x: container app ended with exit code 3 again and again",
    ],
    ["not after its first end", [crashed(1, 3), crashed(1, 3)], undefined],
    ["not where it ended in two ways", [crashed(1, 3), crashed(2, 4)], undefined],
    [
      "not while it runs once more",
      [
        crashed(1, 3),
        crashed(2, 3),
        {
          phase: "Running",
          containerStatuses: [
            {
              ...{ name: "app", restartCount: 3, state: { running: {} } },
              lastState: { terminated: { exitCode: 3 } },
            },
          ],
        },
      ],
      undefined,
    ],
    [
      "where the registry does not have the image",
      [waiting("ErrImagePull", "reg.test/web@sha256:1: not found")],
      "pod web-2-x: the image of container app cannot be pulled",
    ],
    [
      "not where the registry is out of reach",
      [waiting("ImagePullBackOff", "dial tcp: connection refused")],
      undefined,
    ],
    [
      "where a pod has fitted on no node for a while",
      Array.from({ length: 6 }, () => unschedulable()),
      "pod web-2-x: it fits on no node: 0/1 nodes are available",
    ],
    ["not at once", [unschedulable()], undefined],
    [
      "not while a volume is being made",
      Array.from({ length: 6 }, () =>
        unschedulable("pod has unbound immediate PersistentVolumeClaims"),
      ),
      undefined,
    ],
  ])("%s", async (_, looks, why) => {
    const told = await outlooks(looks.map((look) => [podOf(2, look)]));
    expect(told.at(-1)?.hopeless).toBe(why);
  });

  test("not while somebody makes a node for the pod", async () => {
    const looks = Array.from({ length: 6 }, () => [podOf(2, unschedulable())]);
    const told = await outlooks(looks, [{ reason: "TriggeredScaleUp" }]);
    expect(told.at(-1)?.hopeless).toBeUndefined();
  });

  test("not for an image that was not there before, until it is tried again", async () => {
    const [failed, waits] = ["ErrImagePull", "ImagePullBackOff"].map((reason) => [
      podOf(2, waiting(reason, "reg.test/web@sha256:1: not found"), 60_000),
    ]);
    const told = await outlooks([failed ?? [], waits ?? [], waits ?? [], failed ?? []]);
    expect(told.map(({ hopeless }) => hopeless !== undefined)).toEqual([false, false, false, true]);
  });

  test("not for pods that are being replaced", async () => {
    const looks = [1, 2].map((count) => [podOf(1, crashed(count, 3))]);
    expect((await outlooks(looks)).at(-1)).toEqual({});
  });
});

test("meanwhile the pod is told of which most is known", async () => {
  const starting = waiting("ContainerCreating", "");
  const [told] = await outlooks([
    [
      podOf(2, starting),
      {
        ...podOf(2, crashed(1, 3)),
        metadata: { name: "web-2-y", uid: "y", ownerReferences: [{ uid: "set 2", name: "" }] },
      },
    ],
  ]);
  expect(told?.worst).toMatch(
    /^pod web-2-y container app: CrashLoopBackOff: back-off; it ended with exit code 3/,
  );
});

test("a cluster that cannot be read says nothing", async () => {
  const prospects = new Prospects(() => Promise.reject(new Error("no")));
  expect(await prospects.look(status, 0)).toEqual({});
});
