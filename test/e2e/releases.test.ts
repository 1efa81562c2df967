// The charts without Argo CD, as `helm install` makes them: side by side, tested, upgraded, drained and removed.
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Run, kubectl, outputs, platform, run, startDelivered } from "./checkout.ts";
import { list, podUids, python, until } from "./pods.ts";

/** As it was published, with its templates of then. */
const previousChart = join(import.meta.dirname, "previous/tinyolly-0.1.1.tgz");
const namespaces = ["one", "two", "demos"];
let charts: Record<string, { version: string }>;

const source = (chart: string): string[] => [
  `oci://localhost:${platform.ports.registry}/tinyolly/charts/${chart}`,
  "--plain-http",
  `--version=${charts[chart]?.version ?? ""}`,
];
const helm = (...args: string[]): Run => run("helm", args);
const waiting = ["--wait", "--timeout=3m"];

startDelivered();

beforeAll(() => {
  charts = outputs().charts;
  for (const namespace of namespaces) {
    run("kubectl", ["create", "namespace", namespace]);
    const label = "pod-security.kubernetes.io/enforce=restricted";
    expect(run("kubectl", ["label", "namespace", namespace, label]).status).toBe(0);
  }
});

afterAll(() => {
  run("kubectl", ["delete", "namespace", ...namespaces, "--wait=false"]);
});

test("two releases run side by side in two namespaces that enforce the restricted profile, and each passes its helm test", () => {
  for (const namespace of ["one", "two"]) {
    const installed = helm("install", "olly", ...source("tinyolly"), `-n=${namespace}`, ...waiting);
    expect(installed.status, installed.output).toBe(0);
  }
  for (const namespace of ["one", "two"]) {
    const tested = helm("test", "olly", `-n=${namespace}`, "--logs");
    expect(tested.status, tested.output).toBe(0);
    expect(tested.output.match(/: ok$/gm)).toHaveLength(3);
  }
  const traces = (namespace: string): string =>
    python(
      namespace,
      "deploy/olly-tinyolly-frontend",
      `import urllib.request as r; print(r.urlopen("http://olly-tinyolly-webui/api/traces").read().decode())`,
    );
  // The API's list of traces.
  const ids = (namespace: string): string[] =>
    (JSON.parse(traces(namespace)) as { traces: { traceId: string }[] }).traces.map(
      ({ traceId }) => traceId,
    );
  expect([ids("one").length, ids("two").length]).toEqual([1, 1]);
  expect(ids("one")).not.toEqual(ids("two"));
});

test("a release of the demo sends to another namespace, and its helm test follows a trace through both services", () => {
  const installed = helm(
    "install",
    "shop",
    ...source("tinyolly-demos"),
    "-n=demos",
    "--set=otlp.endpoint=http://olly-tinyolly-otlp-receiver.one.svc.cluster.local:4343",
    "--set=test.tinyollyUrl=http://olly-tinyolly-webui.one.svc.cluster.local",
    ...waiting,
  );
  expect(installed.status, installed.output).toBe(0);
  const tested = helm("test", "shop", "-n=demos", "--logs");
  expect(tested.status, tested.output).toBe(0);
  expect(tested.output.match(/: ok$/gm)).toHaveLength(3);
});

test("an upgrade from the previous chart keeps Redis, its password and its data, also when its pod is replaced", async () => {
  const set = ["--set=redis.persistence.enabled=true", ...waiting];
  // The same images: only the chart is older.
  const values = ["frontend", "otlpReceiver", "webui", "opampServer"].flatMap((part) => {
    const name = { frontend: "tinyolly", otlpReceiver: "tinyolly", opampServer: "opamp-server" }[
      part
    ];
    const image = outputs().images[name ?? part];
    return image === undefined
      ? []
      : [`--set=${part}.image.repository=${image.repository},${part}.image.digest=${image.digest}`];
  });
  const installed = helm("install", "kept", previousChart, "-n=two", ...values, ...set);
  expect(installed.status, installed.output).toBe(0);
  const tested = helm("test", "kept", "-n=two", "--logs");
  const trace = (): string =>
    python(
      "two",
      "deploy/kept-tinyolly-frontend",
      `import urllib.request as r; print(r.urlopen("http://kept-tinyolly-webui/api/traces").read().decode())`,
    );
  expect(tested.status, tested.output).toBe(0);
  const before = {
    uid: uidOf("pod", "kept-tinyolly-redis-0"),
    password: secretData("kept-tinyolly-redis"),
    traces: trace(),
  };
  expect(before.traces).toContain("helm test");

  const upgraded = helm("upgrade", "kept", ...source("tinyolly"), "-n=two", ...set);
  expect(upgraded.status, upgraded.output).toBe(0);
  // The pods of the previous chart leave without the pause in which others learn of it.
  const traces = await until("the web UI answers", trace);
  expect({
    uid: uidOf("pod", "kept-tinyolly-redis-0"),
    password: secretData("kept-tinyolly-redis"),
    traces,
  }).toEqual(before);

  run("kubectl", ["delete", "pod", "kept-tinyolly-redis-0", "--namespace=two"]);
  await until("the data is back", () => (trace() === before.traces ? true : undefined));
  expect(uidOf("pod", "kept-tinyolly-redis-0")).not.toBe(before.uid);

  const without = helm(
    ...["upgrade", "kept", ...source("tinyolly"), "-n=two"],
    "--set=redis.persistence.enabled=false",
  );
  expect(without.status).toBe(1);
  expect(without.output).toContain("redis.persistence.enabled");
  expect(without.output).toMatch(/kubectl .*delete statefulset/);
});

test("what the cluster cannot do is refused with the key and the cure", () => {
  for (const [key, set] of [
    ["webui.httpRoute", "webui.httpRoute.enabled=true,webui.httpRoute.parentRefs[0].name=g"],
    ["instrumentation", "instrumentation.enabled=true,otelCollector.enabled=true"],
  ] as const) {
    const refused = helm("install", "no", ...source("tinyolly"), "-n=one", `--set=${set}`);
    expect(refused.status).toBe(1);
    expect(refused.output).toContain(key);
  }
});

test("to uninstall leaves nothing but the data", async () => {
  const removed = helm("uninstall", "kept", "-n=two", "--wait");
  expect(removed.status, removed.output).toBe(0);
  // The pod of a helm test is a hook, which helm leaves.
  const selector = "--selector=app.kubernetes.io/instance=kept,app.kubernetes.io/component!=test";
  await until("the pods are gone", () =>
    list("pods", "two", selector).length === 0 ? true : undefined,
  );
  const kinds = "deployments,statefulsets,services,configmaps,serviceaccounts,poddisruptionbudgets";
  expect(list(kinds, "two", selector)).toEqual([]);
  expect(list("persistentvolumeclaims", "two").map(({ metadata }) => metadata.name)).toEqual([
    "data-kept-tinyolly-redis-0",
  ]);
  expect(Object.keys(podUids("two")).length).toBeGreaterThan(0);
});

function uidOf(kind: string, name: string): string {
  // Any object of the cluster.
  return (kubectl("get", kind, name, "--namespace=two") as { metadata: { uid: string } }).metadata
    .uid;
}

function secretData(name: string): unknown {
  // A Secret.
  return (kubectl("get", "secret", name, "--namespace=two") as { data: unknown }).data;
}
