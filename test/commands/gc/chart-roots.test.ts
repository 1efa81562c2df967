import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { chartRoots, isChart } from "../../../commands/gc/chart-roots.ts";
import type { Root } from "../../../commands/gc/garbage.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { packageOf, pushImage, pushManifest } from "./artifacts.ts";
import { DeletableRegistry } from "./deletable-registry.ts";
import { digestOf } from "./random-graph.ts";

const repository = "space/charts/shop";
const [one, two] = [digestOf("one"), digestOf("two")];
const config = { type: "application/vnd.cncf.helm.config.v1+json", bytes: Buffer.from("{}") };

async function rootsOf(
  bytes: Buffer,
  type = "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
): Promise<Root[]> {
  const registry = await DeletableRegistry.start();
  const client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(() => {
    client.close();
    return registry.close();
  });
  const layers = [{ type, bytes }];
  const digest = await pushManifest(registry, { repository, tag: "0.1.0" }, { config, layers });
  const chart = await client.getManifest(repository, digest);
  if (!chart) throw new Error("the chart was not pushed");
  expect(isChart(chart)).toBe(true);
  return chartRoots(client, repository, chart, "us");
}

test("a chart keeps the images of its own values, of charts in it and of its templates", async () => {
  const roots = await rootsOf(
    packageOf({
      "shop/Chart.yaml": "name: shop",
      "shop/values.yaml": `web:\n  image: {repository: pull.test/space/web, tag: v1, digest: "${one}"}\n`,
      "shop/charts/redis/values.yaml": "image: {repository: space/redis, tag: 8}\n",
      "shop/templates/job.yaml": `image: busybox@${two}\n`,
      "shop/ci/other-values.yaml": "image: {repository: space/never, tag: v1}\n",
    }),
  );
  expect(roots).toEqual([
    { reference: one, by: "us" },
    { reference: two, by: "us" },
    { repository: "space/web", reference: "v1", by: "us" },
    { repository: "space/redis", reference: "8", by: "us" },
  ]);
});

describe("a chart cannot be read whose package", () => {
  test.each<[what: string, bytes: Buffer, type?: string]>([
    ["is of another type", packageOf({ "shop/values.yaml": "a: 1" }), "text/plain"],
    ["is not compressed", Buffer.from("shop/values.yaml")],
    ["is no tar", gzipSync(Buffer.alloc(2048, "shop/values.yaml"))],
    ["has no values", packageOf({ "shop/Chart.yaml": "name: shop" })],
    ["has values that are no YAML", packageOf({ "shop/values.yaml": "a: {b" })],
  ])("%s", async (_, bytes, type) => {
    await expect(rootsOf(bytes, type)).rejects.toThrow(
      /^the chart 127\.0\.0\.1:\d+\/space\/charts\/shop@sha256:\w{64}, which is in use, cannot be read, so its images are not known; push it again, or delete what uses it$/,
    );
  });
});

test("an image is no chart", async () => {
  const registry = await DeletableRegistry.start();
  const client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(() => {
    client.close();
    return registry.close();
  });
  const digest = await pushImage(registry, { repository }, "os");
  const image = await client.getManifest(repository, digest);
  expect(image && isChart(image)).toBe(false);
});
