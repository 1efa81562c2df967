import { describe, expect, test } from "vitest";
import {
  type ApplicationStatus,
  type LiveApplication,
  Rollout,
  type Verdict,
  type WantedRollout,
  describeState,
} from "../../../delivery/rollout/completion.ts";

const digest = `sha256:${"1".repeat(64)}`;
const older = `sha256:${"0".repeat(64)}`;

const source = {
  repoURL: "oci://cluster.test/charts/shop",
  path: ".",
  targetRevision: "1.2.3",
  helm: { valuesObject: { web: { replicas: 2 } } },
};
const destination = { server: "https://api.test", namespace: "shop" };
const ignoreDifferences = [{ kind: "Secret", name: "db", jsonPointers: ["/data"] }];

const wanted: WantedRollout = {
  name: "shop",
  spec: {
    source,
    destination,
    ignoreDifferences,
    syncPolicy: { syncOptions: ["CreateNamespace=true"] },
  },
  digest,
};

const comparedTo = { source, destination, ignoreDifferences };
const sync = { status: "Synced", revision: digest, comparedTo };

/** The status of an Application that is all right, and changes to it. */
function right(changes: ApplicationStatus = {}): ApplicationStatus {
  return {
    sync,
    health: { status: "Healthy" },
    operationState: { phase: "Succeeded", message: "successfully synced (all tasks run)" },
    ...changes,
  };
}

function judge(application: LiveApplication): Verdict {
  return new Rollout(wanted).judge(application, 0);
}

const seen = "waiting for Argo CD to see the new revision";

describe("an Application is rolled out", () => {
  test.each<[what: string, status: ApplicationStatus]>([
    ["when it is Synced and Healthy at what was applied", right()],
    [
      "whatever else Argo CD notes of source and destination",
      right({
        sync: {
          ...sync,
          comparedTo: {
            ...comparedTo,
            source: { ...source, helm: { ...source.helm, passCredentials: false } },
            destination: { ...destination, name: "" },
          },
        },
      }),
    ],
    ["though it was never synced by an operation", { sync, health: { status: "Healthy" } }],
    [
      "though an older sync failed",
      right({ operationState: { phase: "Failed", syncResult: { revision: older } } }),
    ],
    ["though Argo CD warns", right({ conditions: [{ type: "OrphanedResourceWarning" }] })],
  ])("%s", (_, status) => {
    expect(judge({ status })).toEqual({ kind: "done" });
  });
});

test("an Application with values that are null is rolled out, though a status cannot hold them", () => {
  const applied = { a: null, list: [null, { b: null, c: 1 }] };
  const spec = { ...wanted.spec, source: { ...source, helm: { valuesObject: applied } } };
  const values = { list: [{ c: 1 }] };
  const status = right({
    sync: {
      ...sync,
      comparedTo: { ...comparedTo, source: { ...source, helm: { valuesObject: values } } },
    },
  });
  expect(new Rollout({ ...wanted, spec }).judge({ status }, 0)).toEqual({ kind: "done" });
});

describe("an Application is waited for", () => {
  const compared = (change: object): ApplicationStatus =>
    right({ sync: { ...sync, comparedTo: { ...comparedTo, ...change } } });

  test.each<[what: string, application: LiveApplication, state: string, synced: boolean]>([
    ["that has no status yet", {}, seen, false],
    [
      "whose status is that of the revision before",
      {
        status: right({
          sync: {
            ...sync,
            revision: older,
            comparedTo: { ...comparedTo, source: { ...source, targetRevision: "1.2.2" } },
          },
        }),
      },
      seen,
      false,
    ],
    [
      "whose status is that of other values",
      {
        status: compared({
          source: { ...source, helm: { valuesObject: { web: { replicas: 1 } } } },
        }),
      },
      seen,
      false,
    ],
    [
      "whose status is without values",
      { status: compared({ source: { ...source, helm: {} } }) },
      seen,
      false,
    ],
    [
      "whose status is that of a destination edited by hand",
      { status: compared({ destination: { ...destination, namespace: "other" } }) },
      seen,
      false,
    ],
    [
      "whose status ignores other differences",
      { status: compared({ ignoreDifferences: [] }) },
      seen,
      false,
    ],
    [
      "whose version was pulled before it was pushed again",
      { status: right({ sync: { ...sync, revision: older } }) },
      seen,
      false,
    ],
    [
      "that is not synced yet",
      { status: right({ sync: { ...sync, status: "OutOfSync" } }) },
      "syncing",
      false,
    ],
    [
      "whose sync runs, though all looks right",
      { status: right({ operationState: { phase: "Running" } }) },
      "syncing",
      false,
    ],
    [
      "that is asked to sync, though all looks right",
      { operation: {}, status: right() },
      "Synced, Healthy",
      false,
    ],
    [
      "that is Progressing",
      {
        status: right({
          health: {
            status: "Progressing",
            message: "Caused by apps/Deployment:shop/web, PersistentVolume:pv-1 and 2 more",
          },
        }),
      },
      "Synced, Progressing: Deployment web, PersistentVolume pv-1 and 2 more",
      true,
    ],
    [
      "that is Degraded, since it may recover",
      {
        status: right({
          health: { status: "Degraded" },
          resources: [
            { kind: "Deployment", name: "web", health: { status: "Degraded" } },
            { kind: "Service", name: "web", health: { status: "Healthy" } },
            { kind: "ConfigMap", name: "web" },
          ],
        }),
      },
      "Synced, Degraded: Deployment web",
      true,
    ],
  ])("%s", (_, application, state, synced) => {
    expect(judge(application)).toEqual({ kind: "wait", state, synced });
  });
});

const error = (type: string): ApplicationStatus =>
  right({ sync: { ...sync, status: "Unknown" }, conditions: [{ type, message: "no chart" }] });

describe("a chart that Argo CD cannot render or pull", () => {
  test.each(["ComparisonError", "InvalidSpecError", "UnknownError"])(
    "ends the wait once %s has been there for ten seconds",
    (type) => {
      const rollout = new Rollout(wanted);
      rollout.judge({}, 0);
      const waiting = { kind: "wait", state: type, synced: false };
      expect(rollout.judge({ status: error(type) }, 5000)).toEqual(waiting);
      expect(rollout.judge({ status: error(type) }, 14_999)).toEqual(waiting);
      expect(rollout.judge({ status: error(type) }, 15_000)).toEqual({
        kind: "stuck",
        why: `Argo CD says ${type}`,
      });
    },
  );

  test("is waited for again once it was right in between", () => {
    const rollout = new Rollout(wanted);
    rollout.judge({}, 0);
    rollout.judge({ status: error("ComparisonError") }, 0);
    rollout.judge({ status: right({ health: { status: "Progressing" } }) }, 9000);
    expect(rollout.judge({ status: error("ComparisonError") }, 11_000)).toMatchObject({
      kind: "wait",
    });
  });

  test("is no reason to stop as long as the error is about another spec", () => {
    const status = error("ComparisonError");
    const stale = { ...status, sync: { ...status.sync, comparedTo: undefined } };
    const rollout = new Rollout(wanted);
    for (const now of [0, 60_000]) {
      expect(rollout.judge({ status: stale }, now)).toEqual({
        kind: "wait",
        state: seen,
        synced: false,
      });
    }
  });

  test("is looked at again by Argo CD when the error is from before, which may take longer", () => {
    const rollout = new Rollout(wanted);
    const status = error("ComparisonError");
    const annotations = { "argocd.argoproj.io/refresh": "hard" };
    expect(rollout.judge({ status }, 0)).toEqual({
      kind: "wait",
      state: "ComparisonError",
      synced: false,
      patch: { metadata: { annotations } },
    });
    const refreshing = { metadata: { annotations }, status };
    const waiting = { kind: "wait", state: "ComparisonError", synced: false };
    expect(rollout.judge(refreshing, 60_000)).toEqual(waiting);
    expect(rollout.judge({ status }, 61_000)).toEqual(waiting);
    expect(rollout.judge({ status }, 71_000)).toMatchObject({ kind: "stuck" });
  });
});

describe("a sync that failed", () => {
  const failed = (
    phase: string,
    finishedAt: string,
    syncResult?: { revision: string; source: unknown },
  ): LiveApplication => ({
    status: right({
      sync: { ...sync, status: "OutOfSync" },
      operationState: { phase, finishedAt, ...(syncResult === undefined ? {} : { syncResult }) },
    }),
  });
  const ours = { revision: digest, source };
  const request = {
    operation: {
      initiatedBy: { username: "pulumi" },
      retry: { limit: 5 },
      sync: { prune: true, syncOptions: ["CreateNamespace=true"] },
    },
  };

  test.each(["Failed", "Error"])("ends the wait at once when it is %s", (phase) => {
    const rollout = new Rollout(wanted);
    rollout.judge({}, 0);
    expect(rollout.judge(failed(phase, "10:00", ours), 0)).toEqual({
      kind: "stuck",
      why: "the sync failed",
    });
  });

  test.each([
    ["of this revision", ours],
    ["without any result", undefined],
  ])("before, %s, is asked for once more, since Argo CD never does it again", (_, result) => {
    const rollout = new Rollout(wanted);
    const before = failed("Failed", "10:00", result);
    const waiting = { kind: "wait", state: "sync Failed", synced: false };
    expect(rollout.judge(before, 0)).toEqual({ ...waiting, patch: request });
    expect(rollout.judge(before, 1000)).toEqual(waiting);
    expect(rollout.judge({ ...before, operation: {} }, 2000)).toMatchObject({ kind: "wait" });
    expect(rollout.judge(failed("Failed", "10:05", result), 3000)).toEqual({
      kind: "stuck",
      why: "the sync failed",
    });
  });

  test("before is not asked for as long as the chart cannot be rendered", () => {
    const { status = {} } = failed("Failed", "10:00");
    const both = { ...status, conditions: [{ type: "ComparisonError" }] };
    const annotations = { "argocd.argoproj.io/refresh": "hard" };
    const rollout = new Rollout(wanted);
    expect(rollout.judge({ status: both }, 0)).toHaveProperty("patch", {
      metadata: { annotations },
    });
    expect(rollout.judge({ metadata: { annotations }, status: both }, 0)).not.toHaveProperty(
      "patch",
    );
    expect(rollout.judge({ status }, 0)).toHaveProperty("patch", request);
  });

  test.each([
    ["of another revision", { revision: older, source }],
    ["of other values", { revision: digest, source: { ...source, helm: {} } }],
  ])("%s is followed by one of this", (_, result) => {
    const rollout = new Rollout(wanted);
    rollout.judge({}, 0);
    expect(rollout.judge(failed("Failed", "10:00", result), 0)).toEqual({
      kind: "wait",
      state: "sync Failed",
      synced: false,
    });
  });

  test("before is not asked for as long as Argo CD has not seen what was applied", () => {
    const { status } = failed("Failed", "10:00");
    const stale = { status: { ...status, sync: { ...sync, revision: older } } };
    expect(judge(stale)).toEqual({ kind: "wait", state: seen, synced: false });
  });
});

test("a state without health is told as far as it is known", () => {
  expect(describeState(wanted, { sync })).toBe("Synced");
});

describe("an object that the cluster refuses", () => {
  const message = 'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1';
  const patch = { status: { operationState: { phase: "Terminating" } } };

  /** A sync of a revision that is being tried again. */
  const retrying = (revision: string, words = message): LiveApplication => {
    const resources = [{ kind: "Deployment", name: "web", status: "SyncFailed", message: words }];
    const operationState = { phase: "Running", syncResult: { revision, source, resources } };
    return { status: right({ operationState }) };
  };

  test("ends the wait with its words, and Argo CD's tries with it", () => {
    const why = `the cluster refuses Deployment web: ${message}`;
    expect(judge(retrying(digest))).toEqual({ kind: "stuck", why, patch });
  });

  test("is tried again where what is in its way may pass", () => {
    expect(judge(retrying(digest, "connection refused"))).toMatchObject({ kind: "wait" });
  });

  test("of an older revision is left off, and told so again where Argo CD does not hear", () => {
    const rollout = new Rollout(wanted);
    const [first, soon, later] = [0, 1000, 3000].map((now) => rollout.judge(retrying(older), now));
    expect(first).toMatchObject({ kind: "wait", patch });
    expect(soon).not.toHaveProperty("patch");
    expect(later).toMatchObject({ kind: "wait", patch });
  });
});
