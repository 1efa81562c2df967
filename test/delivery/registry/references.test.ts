import { expect, test } from "vitest";
import * as references from "../../../delivery/registry/references.ts";
import type {
  ChartRef,
  Endpoints,
  PullRef,
  PushRef,
} from "../../../delivery/registry/references.ts";

const endpoints: Endpoints = {
  push: "registry.tinyolly.test:49443",
  pushTls: "skip-verify",
  pull: "docker-registry.registry.svc.cluster.local:5000",
  inCluster: "docker-registry.registry.svc.cluster.local:5000",
  inClusterPlainHttp: true,
  namespace: "tinyolly",
};

test("images and charts have the names of the specification", () => {
  expect(references.pushRef(endpoints, "webui", "v1")).toBe(
    "registry.tinyolly.test:49443/tinyolly/webui:v1",
  );
  expect(references.pullRef(endpoints, "webui")).toBe(
    "docker-registry.registry.svc.cluster.local:5000/tinyolly/webui",
  );
  expect(references.chartRef(endpoints, "tinyolly")).toBe(
    "oci://docker-registry.registry.svc.cluster.local:5000/tinyolly/charts/tinyolly",
  );
  expect(references.imageFolder(endpoints)).toBe("registry.tinyolly.test:49443/tinyolly");
  expect(references.chartPushFolder(endpoints)).toBe(
    "oci://registry.tinyolly.test:49443/tinyolly/charts",
  );
  expect(references.chartPushRef(endpoints, "tinyolly", "0.1.1")).toBe(
    "oci://registry.tinyolly.test:49443/tinyolly/charts/tinyolly:0.1.1",
  );
});

test("on GHCR the owner is part of the path", () => {
  const ghcr = {
    ...endpoints,
    push: "ghcr.io",
    pull: "ghcr.io",
    inCluster: "ghcr.io",
    namespace: "ryanfaircloth/tinyolly",
  };
  expect(references.pushRef(ghcr, "demo", "v2.1.8")).toBe(
    "ghcr.io/ryanfaircloth/tinyolly/demo:v2.1.8",
  );
  expect(references.chartRef(ghcr, "tinyolly")).toBe(
    "oci://ghcr.io/ryanfaircloth/tinyolly/charts/tinyolly",
  );
});

test("the compiler keeps push references from where clusters read", () => {
  const push: PushRef = references.pushRef(endpoints, "webui", "v1");
  // @ts-expect-error a push reference is no pull reference
  const pull: PullRef = push;
  // @ts-expect-error a push reference is no chart reference
  const chart: ChartRef = push;
  // @ts-expect-error a string is no pull reference until the registry says so
  const plain: PullRef = "registry.tinyolly.test:49443/tinyolly/webui";
  expect([pull, chart, plain]).toHaveLength(3);
});

test.each([
  "ghcr.io",
  "localhost:30500",
  "registry.tinyolly.test:49443",
  "127.0.0.1:5000",
  "[::1]:5000",
])("%s is a host", (host) => {
  expect(references.hostProblem(host)).toBeUndefined();
});

test.each([
  "https://ghcr.io",
  "ghcr.io/",
  "ghcr.io/owner",
  "",
  "a b",
  "-a.io",
  "host:",
  "host:port",
  "host:0",
  "host:70000",
])("%j is no host", (host) => {
  expect(references.hostProblem(host)).toBeDefined();
});

test.each([
  ["tinyolly", true],
  ["ryanfaircloth/tinyolly", true],
  ["a-b.c_d", true],
  ["Upper", false],
  ["/a", false],
  ["a/", false],
  ["", false],
])("%j as a registry path: %s", (path, fits) => {
  expect(references.namespaceProblem(path) === undefined).toBe(fits);
});
