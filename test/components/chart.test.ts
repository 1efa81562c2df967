import { beforeEach, describe, expect, test } from "vitest";
import { Chart } from "../../components/chart";
import { Image } from "../../components/image";
import { Registry } from "../../components/registry";
import { enterFolderWith } from "../folders";
import { type MockProvider, digestOf, only, record, unknown } from "../mocks";
import { named, planShop, shopEndpoints, shopFiles } from "../shop";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const commandType = "command:local:Command";

function recordChart(preview: boolean, image?: MockProvider) {
  const plan = planShop();
  const providers = image ? { "docker-build:index:Image": image } : {};
  return record({ preview, providers }, () => {
    const registry = new Registry("registry", shopEndpoints);
    const images = new Map(
      plan.images.map((one) => [
        one.name,
        new Image(one.name, { plan: one, registry, builder: "smith" }),
      ]),
    );
    const chart = named(plan.charts, "shop");
    const { version, source, digest } = new Chart("shop", { plan: chart, images, registry });
    return { version, source, digest };
  });
}

describe.each([true, false])("with preview: %s", (preview) => {
  test("the command is a fixed script below the component", async () => {
    const { registrations } = await recordChart(preview);
    const { inputs, ...registration } = only(registrations, commandType);
    expect({ ...inputs, stdin: undefined }).toEqual({
      create: "node --import tsx components/publish-chart.ts",
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
    });
  });

  test("the component shows its sources by path", async () => {
    const plan = named(planShop().charts, "shop");
    const { registrations } = await recordChart(preview);
    expect(only(registrations, "tinyolly:index:Chart").inputs).toEqual({
      sources: Object.fromEntries(
        plan.files.map(({ path, digest }) => [path, digest.slice(0, 12)]),
      ),
      key: plan.key,
    });
  });
});

test("the command reads one request with every image at its values path", async () => {
  const { images, charts } = planShop();
  const { registrations } = await recordChart(false);
  const imageValue = (name: string): object => {
    const { tag } = named(images, name);
    const digest = digestOf([`push.test:1/shop/${name}:${tag}`]);
    return { repository: `pull.test:2/shop/${name}`, tag, digest };
  };
  const { version, appVersion, key } = named(charts, "shop");
  expect(JSON.parse(String(only(registrations, commandType).inputs["stdin"]))).toEqual({
    chart: "shop",
    path: "charts/shop",
    version,
    appVersion,
    key,
    images: { "web.image": imageValue("web"), "api.image": imageValue("api") },
    pushFolder: "oci://push.test:1/shop/charts",
    pushTls: "skip-verify",
  });
});

test("an update gives the digest that the command printed", async () => {
  const { version } = named(planShop().charts, "shop");
  const { result, registrations } = await recordChart(false);
  const digest = digestOf(only(registrations, commandType).inputs["stdin"]);
  expect(result).toEqual({ version, source: "oci://cluster.test:3/shop/charts/shop", digest });
  expect(only(registrations, "tinyolly:index:Chart").outputs).toEqual(result);
});

test("in preview the request and the digest are unknown, the version and source are not", async () => {
  const { version } = named(planShop().charts, "shop");
  const { result, registrations } = await recordChart(true);
  expect(only(registrations, commandType).inputs["stdin"]).toBe(unknown);
  expect(result).toEqual({
    version,
    source: "oci://cluster.test:3/shop/charts/shop",
    digest: unknown,
  });
});

test("an image that is previewed with an empty digest leaves the request unknown", async () => {
  const { registrations } = await recordChart(true, () => ({ digest: "" }));
  expect(only(registrations, commandType).inputs["stdin"]).toBe(unknown);
});

test("an image that was not made is named", async () => {
  const plan = named(planShop().charts, "shop");
  const program = record({ preview: true }, () => {
    const registry = new Registry("registry", shopEndpoints);
    new Chart("shop", { plan, images: new Map(), registry });
  });
  await expect(program).rejects.toThrow('chart "shop" takes image "web", which was not made');
});
