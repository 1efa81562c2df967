import { chmodSync, existsSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { Image } from "../../components/image";
import type { Deliverables } from "../../components/plan";
import type { Endpoints } from "../../components/references";
import { Registry } from "../../components/registry";
import { sha256 } from "../../components/source-tree";
import { enterFolderWith } from "../folders";
import { type MockProvider, digestOf, only, record, unknown } from "../mocks";
import { named, planShop, shop, shopEndpoints, shopFiles, shopOptions } from "../shop";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const imageType = "docker-build:index:Image";

interface Variation {
  readonly preview?: boolean;
  readonly deliverables?: Deliverables;
  readonly platforms?: readonly string[];
  readonly endpoints?: Endpoints;
  readonly provider?: MockProvider;
}

/** Makes the image "web" and returns its outputs. */
function recordImage({
  preview = false,
  deliverables = shop,
  platforms = shopOptions.platforms,
  endpoints = shopEndpoints,
  provider,
}: Variation = {}) {
  const plan = named(planShop(deliverables, { ...shopOptions, platforms }).images, "web");
  const providers = provider ? { [imageType]: provider } : {};
  return record({ preview, providers }, () => {
    const registry = new Registry("registry", endpoints);
    const { repository, tag, digest } = new Image("web", { plan, registry, builder: "smith" });
    return { repository, tag, digest };
  });
}

describe.each([true, false])("with preview: %s", (preview) => {
  test("the build gets exactly these inputs", async () => {
    const plan = named(planShop().images, "web");
    const { registrations } = await recordImage({ preview });
    const context = `.tinyolly/contexts/web-${plan.key.slice(0, 12)}`;
    expect(only(registrations, imageType)).toEqual({
      type: imageType,
      name: "web",
      inputs: {
        tags: [`push.test:1/shop/web:${plan.tag}`],
        context: { location: `${context}/context` },
        dockerfile: { location: `${context}/Dockerfile` },
        platforms: ["linux/amd64"],
        buildArgs: { SOURCE_DATE_EPOCH: "315532800" },
        builder: { name: "smith" },
        buildOnPreview: false,
        push: false,
        exports: [{ raw: "type=registry,rewrite-timestamp=true,registry.insecure=true" }],
        // The SDK's own default.
        network: "default",
      },
      parent: "tinyolly:index:Image::web",
      dependsOn: [],
      provider: undefined,
      retainOnDelete: true,
    });
    expect(existsSync(`${context}/context/index.html`)).toBe(true);
  });

  test("the component shows its sources by path", async () => {
    const plan = named(planShop().images, "web");
    const { registrations } = await recordImage({ preview });
    const short = Object.fromEntries(
      plan.files.map(({ path, digest }) => [path, digest.slice(0, 12)]),
    );
    expect(Object.keys(short)).toContain("scripts/start.sh");
    expect(only(registrations, "tinyolly:index:Image").inputs).toEqual({
      sources: { ...short, "apps/web/Dockerfile": plan.dockerfile.digest.slice(0, 12) },
      key: plan.key,
    });
  });
});

test("executables and links are marked, so that a changed kind is a changed source", async () => {
  chmodSync("apps/web/scripts/start.sh", 0o755);
  symlinkSync("index.html", "apps/web/home.html");
  const { registrations } = await recordImage();
  expect(only(registrations, "tinyolly:index:Image").inputs["sources"]).toMatchObject({
    "scripts/start.sh": `${sha256("nginx").slice(0, 12)} executable`,
    "home.html": `${sha256("index.html").slice(0, 12)} link`,
  });
});

test("in preview the digest alone is unknown", async () => {
  const { tag } = named(planShop().images, "web");
  const { result, registrations } = await recordImage({ preview: true });
  expect(result).toEqual({ repository: "pull.test:2/shop/web", tag, digest: unknown });
  expect(only(registrations, "tinyolly:index:Image").outputs).toEqual(result);
});

test("in an update the digest is the pushed one", async () => {
  const { tag } = named(planShop().images, "web");
  const { result, registrations } = await recordImage();
  const digest = digestOf([`push.test:1/shop/web:${tag}`]);
  expect(result).toEqual({ repository: "pull.test:2/shop/web", tag, digest });
  expect(only(registrations, "tinyolly:index:Image").outputs).toEqual(result);
});

test("an empty digest, which the plugin previews for some updates, is unknown", async () => {
  const { result } = await recordImage({ preview: true, provider: () => ({ digest: "" }) });
  expect(result.digest).toBe(unknown);
});

test.each([
  ["verify", "type=registry,rewrite-timestamp=true"],
  ["skip-verify", "type=registry,rewrite-timestamp=true,registry.insecure=true"],
  ["plain-http", "type=registry,rewrite-timestamp=true,registry.insecure=true"],
] as const)("with TLS %s the export is %s", async (pushTls, raw) => {
  const { registrations } = await recordImage({ endpoints: { ...shopEndpoints, pushTls } });
  expect(only(registrations, imageType).inputs["exports"]).toEqual([{ raw }]);
});

test("target, build arguments and platforms reach the build", async () => {
  const { registrations } = await recordImage({
    deliverables: {
      images: { web: { path: "apps/web", target: "base", buildArgs: { EDITION: "large" } } },
      charts: {},
    },
    platforms: ["linux/amd64", "linux/arm64"],
  });
  const { inputs } = only(registrations, imageType);
  expect(inputs["target"]).toBe("base");
  expect(inputs["buildArgs"]).toEqual({ EDITION: "large", SOURCE_DATE_EPOCH: "315532800" });
  expect(inputs["platforms"]).toEqual(["linux/amd64", "linux/arm64"]);
});
