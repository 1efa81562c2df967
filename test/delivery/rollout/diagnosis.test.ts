import { describe, expect, test } from "vitest";
import { type ReadCluster, diagnose } from "../../../delivery/rollout/diagnosis.ts";
import type { ApplicationStatus } from "../../../delivery/rollout/completion.ts";

const digest = `sha256:${"1".repeat(64)}`;
const older = `sha256:${"0".repeat(64)}`;
const spec = { source: { path: "." }, destination: { namespace: "town" } };
const wanted = { name: "shop", spec, digest };
const sync = { status: "Synced", revision: digest, comparedTo: spec };

/** Reads lists by resource, and logs by pod; all else cannot be read. */
const cluster =
  (
    lists: Readonly<Record<string, readonly object[]>>,
    logs: Readonly<Record<string, string>> = {},
  ): ReadCluster =>
  ([verb = "", what = ""]) => {
    const text =
      verb === "logs" ? logs[what] : lists[what] && JSON.stringify({ items: lists[what] });
    return text === undefined
      ? Promise.reject(new Error(`${what} is forbidden`))
      : Promise.resolve(text);
  };

function lines(
  status: ApplicationStatus,
  read = cluster({ pods: [], events: [] }),
  images: readonly string[] = [],
): Promise<string[]> {
  return diagnose({ wanted, images, application: { status } }, read);
}

const web = { kind: "Deployment", name: "web", namespace: "town", status: "Synced" };
const deployment = { metadata: { name: "web", uid: "d" }, status: { updatedReplicas: 1 } };
const replicaSet = {
  metadata: { name: "web-1", uid: "r", ownerReferences: [{ uid: "d", name: "web" }] },
};
const pod = (name: string, status: object, image = "pull.test/web:v1") => ({
  metadata: { name, namespace: "town", ownerReferences: [{ uid: "r", name: "web-1" }] },
  spec: { containers: [{ name: "main", image }] },
  status,
});
const town = {
  "deployments.apps": [deployment],
  "replicasets.apps": [replicaSet],
  pods: [],
  events: [],
};

describe("the diagnosis of Argo CD itself", () => {
  test.each<[what: string, status: ApplicationStatus, told: readonly string[]]>([
    [
      "says that nobody looked",
      {},
      [
        "Argo CD has not compared the cluster with what was applied (its last look was never): " +
          "see whether its application controller runs",
      ],
    ],
    [
      "says when somebody last looked",
      { reconciledAt: "10:00", sync: { ...sync, comparedTo: { ...spec, source: {} } } },
      [
        "Argo CD has not compared the cluster with what was applied (its last look was 10:00): " +
          "see whether its application controller runs",
      ],
    ],
    [
      "says that it has another chart",
      { sync: { ...sync, revision: older } },
      [`Argo CD is at chart ${older}, but ${digest} was pushed`],
    ],
    [
      "repeats conditions, on one line each",
      {
        sync: { ...sync, revision: "" },
        conditions: [
          {
            type: "ComparisonError",
            message: "helm template failed:\n  line 3\t\u001b[31mbad\u001b[0m",
          },
        ],
      },
      ["ComparisonError: helm template failed: line 3 bad"],
    ],
    [
      "repeats what a sync says, unless it succeeded",
      { sync, operationState: { phase: "Running", message: "waiting for healthy state" } },
      ["sync Running: waiting for healthy state"],
    ],
    [
      "is silent about what is right",
      { sync, operationState: { phase: "Succeeded", message: "ok" } },
      [],
    ],
  ])("%s", async (_, status, told) => {
    expect(await lines(status)).toEqual(told);
  });

  test("keeps the ends of what is longer than a screen", async () => {
    const [line = ""] = await lines({
      sync,
      conditions: [{ type: "X", message: `${"a".repeat(9999)}b` }],
    });
    expect(line).toBe(`X: ${"a".repeat(100)} … ${"a".repeat(299)}b`);
  });

  test("is nothing where the Application was never seen", async () => {
    expect(await diagnose({ wanted, images: [], application: undefined }, cluster({}))).toEqual([]);
  });
});

describe("the diagnosis of resources", () => {
  test("names those that are not Synced or not Healthy, and no others", async () => {
    const resources = [
      { kind: "Service", name: "web", status: "OutOfSync" },
      {
        kind: "Ingress",
        name: "web",
        status: "Synced",
        health: { status: "Degraded", message: "no host" },
      },
      {
        kind: "Secret",
        name: "web",
        status: "Synced",
        health: { status: "Healthy", message: "fine" },
      },
      { kind: "ConfigMap", name: "web", status: "Synced" },
    ];
    expect(await lines({ sync, resources })).toEqual([
      "",
      "Service web: OutOfSync",
      "",
      "Ingress web: Degraded",
      "  no host",
    ]);
  });

  test("tells a hook that failed", async () => {
    const resources = [{ kind: "ConfigMap", name: "web", status: "Synced" }];
    const results = [{ kind: "ConfigMap", name: "web", hookPhase: "Failed", message: "refused" }];
    const operationState = { phase: "Succeeded", syncResult: { resources: results } };
    expect(await lines({ sync, resources, operationState })).toEqual([
      "",
      "ConfigMap web: not as it should be",
      "  refused",
    ]);
  });

  test("asks whoever should have made pods, where there are none", async () => {
    const events = [
      { involvedObject: { name: "web-1" }, reason: "FailedCreate", message: "exceeded quota" },
      { involvedObject: { name: "other" }, reason: "Failed", message: "not about this" },
    ];
    expect(await lines({ sync, resources: [web] }, cluster({ ...town, events }))).toEqual([
      "",
      "Deployment web: 0 of 1 ready",
      "  event FailedCreate: exceeded quota",
    ]);
  });

  test("shows three pods, and the last five events of each", async () => {
    const pods = ["a", "b", "c", "d", "e"].map((name) => pod(name, { phase: "Pending" }));
    const events = [3, 7, 1, 2, 6, 5, 4].map((second) => ({
      involvedObject: { name: "a" },
      reason: "Failed",
      message: `at ${second}`,
      ...(second % 2
        ? { lastTimestamp: `10:0${second}` }
        : { lastTimestamp: null, eventTime: `10:0${second}` }),
    }));
    const started = "is Pending, and none of its containers has started";
    expect(await lines({ sync, resources: [web] }, cluster({ ...town, pods, events }))).toEqual([
      "",
      "Deployment web: 0 of 1 ready",
      "  pod a",
      `    ${started}`,
      ...[3, 4, 5, 6, 7].map((second) => `    event Failed: at ${second}`),
      "  pod b",
      `    ${started}`,
      "  pod c",
      `    ${started}`,
      "  and 2 more pods",
    ]);
  });

  test("shows the last ten lines of a log", async () => {
    const log = Array.from({ length: 12 }, (_, i) => `line ${i}\n\n`).join("");
    const running = { containerStatuses: [{ name: "main", state: { running: {} } }] };
    const read = cluster({ ...town, pods: [pod("a", running)] }, { a: log });
    expect((await lines({ sync, resources: [web] }, read)).slice(3)).toEqual([
      "    container main runs but is not ready",
      "      last lines of main so far:",
      ...Array.from({ length: 10 }, (_, i) => `        line ${i + 2}`),
    ]);
  });

  test("says in one line each what cannot be read, and shows the rest", async () => {
    const { events, ...others } = town;
    expect(events).toEqual([]);
    const running = { containerStatuses: [{ name: "main", state: { running: {} } }] };
    const read = cluster({ ...others, pods: [pod("a", running)] });
    const resources = [web, { ...web, kind: "StatefulSet", name: "db" }];
    expect(await lines({ sync, resources }, read)).toEqual([
      "events of namespace town cannot be read: events is forbidden",
      "statefulsets.apps of namespace town cannot be read: statefulsets.apps is forbidden",
      "the log of pod a cannot be read: a is forbidden",
      "",
      "Deployment web: 0 of 1 ready",
      "  pod a",
      "    container main runs but is not ready",
    ]);
  });
});

describe("an image that cannot be pulled", () => {
  const pull = (message: string): object => ({
    containerStatuses: [{ name: "main", state: { waiting: { reason: "ErrImagePull", message } } }],
  });
  const ours = ["web"];

  test.each<[what: string, message: string, image: string, cure: readonly string[]]>([
    [
      "is one of ours that the registry lost",
      "pull.test/web: not found",
      `pull.test/web@${digest}`,
      [
        `      the registry lost ${digest} of pull.test/web: run pulumi up, which notices a lost image and pushes it again`,
      ],
    ],
    [
      "is somebody else's",
      "manifest unknown",
      `docker.io/redis:8@${digest}`,
      [
        `      the registry does not have docker.io/redis:8@${digest}: correct the image in the chart's values, or push it there`,
      ],
    ],
    [
      "may be there, since the registry does not answer",
      "connection refused",
      `pull.test/web@${digest}`,
      [],
    ],
  ])("%s", async (_, message, image, cure) => {
    const read = cluster({ ...town, pods: [pod("a", pull(message), image)] });
    expect((await lines({ sync, resources: [web] }, read, ours)).slice(3)).toEqual([
      `    container main: ErrImagePull: ${message}`,
      ...cure,
    ]);
  });
});
