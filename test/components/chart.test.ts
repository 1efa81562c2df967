import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test } from "vitest";
import { Chart, type ChartArgs } from "../../components/chart.ts";
import { Image } from "../../components/image.ts";
import { Registry } from "../../components/registry.ts";
import { scriptLine } from "../../components/script-command.ts";
import { recipes } from "../../delivery/plan/recipes.ts";
import { enterFolderWith, writeFiles } from "../folders.ts";
import { makeCharts, makeImages } from "../made.ts";
import { type MockProvider, digestOf, only, record, unknown } from "../mocks.ts";
import { named, planShop, shopEndpoints, shopFiles } from "../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const commandType = "command:local:Command";

interface Variation {
  readonly preview: boolean;
  readonly finding?: ChartArgs["finding"];
  readonly image?: MockProvider;
}

function recordChart({ preview, finding, image }: Variation) {
  const plan = planShop();
  const providers = image ? { "docker-build:index:Image": image } : {};
  return record({ preview, providers }, () => {
    const registry = new Registry("registry", shopEndpoints);
    const images = makeImages(plan, registry);
    const charts = makeCharts(
      { charts: [named(plan.charts, "shop")] },
      registry,
      images,
      finding && new Map([["shop", finding]]),
    );
    const { shop: chart } = charts;
    if (!chart) throw new Error("shop was not made");
    const { version, source, digest } = chart;
    return { version, source, digest };
  });
}

describe.each([true, false])("with preview: %s", (preview) => {
  test("the command is a fixed script below the component", async () => {
    const { registrations } = await recordChart({ preview });
    const { inputs, ...registration } = only(registrations, commandType);
    expect({ ...inputs, stdin: undefined }).toEqual({
      create: scriptLine("publish-chart"),
      addPreviousOutputInEnv: false,
      logging: "stderr",
      stdin: undefined,
    });
    expect(registration).toEqual({
      type: commandType,
      name: "shop",
      parent: "tinyolly:index:Chart::shop",
      dependsOn: ["docker-build:index:Image::api", "docker-build:index:Image::web"],
      provider: undefined,
      retainOnDelete: false,
      deleteBeforeReplace: false,
      // The SDK's own.
      replaceOnChanges: ["triggers[*]"],
    });
  });

  test("the component shows all that decides the chart, in parts", async () => {
    const { images, charts } = planShop();
    const plan = named(charts, "shop");
    const { registrations } = await recordChart({ preview });
    const imageMark = (name: string): string => `${name} ${named(images, name).key.slice(0, 12)}`;
    expect(only(registrations, "tinyolly:index:Chart").inputs).toEqual({
      key: plan.key,
      version: plan.version,
      recipe: recipes.chart,
      sources: Object.fromEntries(
        plan.files.map(({ path, digest }) => [path, digest.slice(0, 12)]),
      ),
      images: { "web.image": imageMark("web"), "api.image": imageMark("api") },
      settings: {
        pullFrom: "pull.test:2/shop",
        pushTo: "oci://push.test:1/shop/charts/shop",
        pushTls: "skip-verify",
      },
    });
  });
});

test("the command reads one request with every image at its values path", async () => {
  const { images, charts } = planShop();
  const { registrations } = await recordChart({ preview: false });
  const imageValue = (name: string): object => {
    const { tag } = named(images, name);
    const digest = digestOf([`push.test:1/shop/${name}:${tag}`]);
    return { repository: `pull.test:2/shop/${name}`, tag, digest };
  };
  const { version, appVersion, key, files } = named(charts, "shop");
  expect(JSON.parse(String(only(registrations, commandType).inputs["stdin"]))).toEqual({
    chart: "shop",
    path: "charts/shop",
    version,
    appVersion,
    key,
    files,
    images: { "web.image": imageValue("web"), "api.image": imageValue("api") },
    platforms: ["linux/amd64"],
    pushFolder: "oci://push.test:1/shop/charts",
    pushTls: "skip-verify",
  });
});

test("a chart of an earlier release keeps the request that it was made by", async () => {
  const finding = { pushes: 0, since: "v2.1.7" };
  const { registrations } = await recordChart({ preview: false, finding });
  const request: unknown = JSON.parse(String(only(registrations, commandType).inputs["stdin"]));
  expect(request).toMatchObject({
    appVersion: "v2.1.7",
    images: { "web.image": { tag: "v2.1.7" }, "api.image": { tag: "v2.1.7" } },
  });
});

test("an update gives the digest that the command printed", async () => {
  const { version } = named(planShop().charts, "shop");
  const { result, registrations } = await recordChart({ preview: false });
  const digest = digestOf(only(registrations, commandType).inputs["stdin"]);
  expect(result).toEqual({ version, source: "oci://cluster.test:3/shop/charts/shop", digest });
  expect(only(registrations, "tinyolly:index:Chart").outputs).toEqual(result);
});

test("in preview the request and the digest are unknown, the version and source are not", async () => {
  const { version } = named(planShop().charts, "shop");
  const { result, registrations } = await recordChart({ preview: true });
  expect(only(registrations, commandType).inputs["stdin"]).toBe(unknown);
  expect(result).toEqual({
    version,
    source: "oci://cluster.test:3/shop/charts/shop",
    digest: unknown,
  });
});

test("an image that is previewed with an empty digest leaves the request unknown", async () => {
  const { registrations } = await recordChart({
    preview: true,
    image: () => ({ digest: "" }),
  });
  expect(only(registrations, commandType).inputs["stdin"]).toBe(unknown);
});

describe("a chart that is pushed again", () => {
  const recorded = `sha256:${"3".repeat(64)}`;
  const now = { pushes: 2, lost: recorded };

  test.each([true, false])("counts it in its inputs (preview: %s)", async (preview) => {
    const { registrations } = await recordChart({ preview, finding: now });
    expect(only(registrations, commandType).inputs["environment"]).toEqual({
      TINYOLLY_PUSHES: "2",
    });
    expect(only(registrations, "tinyolly:index:Chart").inputs["pushes"]).toBe(2);
  });

  test("shows the recorded digest in a preview, so that nothing seems to follow", async () => {
    const { result } = await recordChart({ preview: true, finding: now });
    expect(result.digest).toBe(recorded);
  });

  test("has the digest that the command printed in an update", async () => {
    const { result, registrations } = await recordChart({ preview: false, finding: now });
    expect(result.digest).toBe(digestOf(only(registrations, commandType).inputs["stdin"]));
  });

  test("keeps its count when it is there again, and its digest is the command's to tell", async () => {
    const finding = { pushes: 2 };
    const { registrations, result } = await recordChart({ preview: true, finding });
    expect(only(registrations, commandType).inputs).toHaveProperty("environment");
    expect(result.digest).toBe(unknown);
  });

  test("counts nothing as long as it was pushed once", async () => {
    const finding = { pushes: 0 };
    const { registrations } = await recordChart({ preview: false, finding });
    expect(only(registrations, commandType).inputs).not.toHaveProperty("environment");
    expect(only(registrations, "tinyolly:index:Chart").inputs).not.toHaveProperty("pushes");
  });
});

test.each([true, false])(
  "inputs alone give what a plan gives, with preview: %s",
  async (preview) => {
    const planned = await recordChart({ preview });
    const alone = await record({ preview }, () => {
      const registry = new Registry("registry", shopEndpoints);
      const versions = { line: "v2.1" };
      const shared = { registry, versions, builder: "smith", platforms: ["linux/amd64"] };
      const web = new Image("web", { ...shared, path: pulumi.output("apps/web") });
      const api = new Image("api", { ...shared, path: "apps/api" });
      const images = { "web.image": web, "api.image": api };
      const { version, source, digest } = new Chart("shop", {
        ...{ registry, versions, images, path: pulumi.output("charts/shop") },
      });
      return { version, source, digest };
    });
    expect(alone.result).toEqual(planned.result);
    expect(alone.registrations).toEqual(expect.arrayContaining([...planned.registrations]));
  },
);

test("a chart runs no image where none is named, and its version needs no line", async () => {
  writeFiles(".", { "charts/shop/values.yaml": "{}\n" });
  const { result } = await record({ preview: true }, () => {
    const registry = new Registry("registry", { push: "ghcr.test", namespace: "owner" });
    const { version, source } = new Chart("shop", { registry, path: "charts/shop" });
    return { version, source };
  });
  expect(result).toEqual({
    version: expect.stringMatching(/^1\.2\.3-h[0-9a-f]{12}$/) as string,
    source: "oci://ghcr.test/owner/charts/shop",
  });
});
