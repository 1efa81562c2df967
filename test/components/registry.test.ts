import { expect, test } from "vitest";
import { Registry } from "../../components/registry.ts";
import type { Endpoints } from "../../delivery/registry/references.ts";
import { only, record } from "../mocks.ts";

const endpoints: Endpoints = {
  push: "push.test:1",
  pushTls: "skip-verify",
  pull: "pull.test:2",
  inCluster: "cluster.test:3",
  inClusterPlainHttp: true,
  namespace: "owner/shop",
};

test.each([true, false])("the endpoints are inputs and outputs (preview: %s)", async (preview) => {
  const { registrations } = await record({ preview }, () => {
    new Registry("registry", endpoints);
  });
  expect(registrations).toHaveLength(1);
  const registry = only(registrations, "tinyolly:index:Registry", "registry");
  expect(registry.inputs).toEqual(endpoints);
  expect(registry.outputs).toEqual({ endpoints });
});

test("each kind of client gets its own endpoint", async () => {
  const { result } = await record({ preview: true }, () => {
    const registry = new Registry("registry", endpoints);
    return [registry.pushRef("web", "v1"), registry.pullRef("web"), registry.chartRef("shop")];
  });
  expect(result).toEqual([
    "push.test:1/owner/shop/web:v1",
    "pull.test:2/owner/shop/web",
    "oci://cluster.test:3/owner/shop/charts/shop",
  ]);
});
