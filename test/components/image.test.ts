import { chmodSync, existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test } from "vitest";
import { Image, type ImageArgs } from "../../components/image.ts";
import { Registry } from "../../components/registry.ts";
import { sha256 } from "../../delivery/basics/sha256.ts";
import type { Publishing } from "../../delivery/plan/fingerprint.ts";
import { type Deliverables } from "../../delivery/plan/plan.ts";
import { recipes } from "../../delivery/plan/recipes.ts";
import type { BaseLock } from "../../delivery/sources/base-lock.ts";
import { enterFolderWith, writeFiles } from "../folders.ts";
import { makeImages } from "../made.ts";
import { type MockProvider, digestOf, only, record, unknown } from "../mocks.ts";
import { named, planShop, shop, shopFiles, shopOptions, shopPublishing } from "../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const imageType = "docker-build:index:Image";
const componentType = "tinyolly:index:Image";

interface Variation {
  readonly preview?: boolean;
  readonly deliverables?: Deliverables;
  readonly platforms?: readonly string[];
  readonly bases?: BaseLock;
  readonly publishing?: Publishing;
  readonly finding?: ImageArgs["finding"];
  readonly provider?: MockProvider;
}

/** Makes the image "web" after those that it needs, and returns its outputs. */
function recordImage({
  preview = false,
  deliverables = shop,
  platforms = shopOptions.platforms,
  bases = shopOptions.bases,
  publishing = shopPublishing,
  finding,
  provider,
}: Variation = {}) {
  const plan = planShop(deliverables, { ...shopOptions, platforms, bases });
  const providers = provider ? { [imageType]: provider } : {};
  return record({ preview, providers }, () => {
    const registry = new Registry("registry", publishing.endpoints);
    const web = named(plan.images, "web");
    const images = plan.images.filter(
      ({ name }) => web === named(plan.images, name) || web.needs.has(name),
    );
    const findings = new Map(finding ? [["web", finding]] : []);
    const { web: image } = makeImages({ images }, registry, publishing, findings);
    if (!image) throw new Error("web was not made");
    const { repository, tag, digest, buildReference } = image;
    return { repository, tag, digest, buildReference };
  });
}

describe.each([true, false])("with preview: %s", (preview) => {
  test("the build gets exactly these inputs", async () => {
    const plan = named(planShop().images, "web");
    const { registrations } = await recordImage({ preview });
    expect(only(registrations, imageType)).toEqual({
      type: imageType,
      name: "web",
      inputs: {
        tags: [`push.test:1/shop/web:${plan.tag}`],
        context: {
          location: `.tinyolly/contexts/web-${plan.key.slice(0, 12)}/${plan.key.slice(0, 12)}`,
          named: {},
        },
        dockerfile: { inline: shopFiles["apps/web/Dockerfile"] },
        platforms: ["linux/amd64"],
        buildArgs: { SOURCE_DATE_EPOCH: "315532800" },
        builder: { name: "smith" },
        buildOnPreview: false,
        push: false,
        exports: [{ raw: "type=registry,rewrite-timestamp=true,registry.insecure=true" }],
        // The SDK's own default.
        network: "default",
      },
      parent: `${componentType}::web`,
      dependsOn: [],
      provider: undefined,
      retainOnDelete: true,
      deleteBeforeReplace: false,
      replaceOnChanges: [],
    });
  });

  test("the component shows all that decides the image, in parts", async () => {
    const digest = `sha256:${"1".repeat(64)}`;
    const bases = new Map([["nginx", digest]]);
    const deliverables: Deliverables = {
      images: {
        web: {
          path: "apps/web",
          target: "base",
          buildArgs: { EDITION: "large" },
          needs: ["api"],
        },
        api: shop.images.api,
      },
      charts: {},
    };
    writeFiles(".", { "apps/web/Dockerfile": "FROM nginx AS base\nCOPY --from=api /main /\n" });
    const plan = planShop(deliverables, { ...shopOptions, bases });
    const web = named(plan.images, "web");
    const { registrations } = await recordImage({ preview, deliverables, bases });
    expect(only(registrations, componentType, "web").inputs).toEqual({
      key: web.key,
      tag: web.tag,
      recipe: recipes.image,
      sources: Object.fromEntries(
        ["Dockerfile", "index.html", "scripts/start.sh"].map((path) => [
          path,
          web.files.find((file) => file.path === path)?.digest.slice(0, 12),
        ]),
      ),
      dockerfile: web.dockerfile.digest.slice(0, 12),
      buildArgs: { EDITION: "large" },
      bases: { nginx: digest },
      needs: { api: named(plan.images, "api").key.slice(0, 12) },
      steps: Object.fromEntries(web.steps.steps?.map(({ name, own }) => [name, own]) ?? []),
      settings: {
        builder: "smith",
        platforms: ["linux/amd64"],
        pushTo: "push.test:1/shop/web",
        pushTls: "insecure",
        registryCache: false,
        target: "base",
      },
    });
  });
});

test("executables and links are marked, so that a changed kind is a changed source", async () => {
  chmodSync("apps/web/scripts/start.sh", 0o755);
  symlinkSync("index.html", "apps/web/home.html");
  const { registrations } = await recordImage();
  expect(only(registrations, componentType).inputs["sources"]).toMatchObject({
    "scripts/start.sh": `${sha256("nginx").slice(0, 12)} executable`,
    "home.html": `${sha256("index.html").slice(0, 12)} link`,
  });
});

describe("the context", () => {
  function contextOf(key: string): string {
    return `.tinyolly/contexts/web-${key.slice(0, 12)}/${key.slice(0, 12)}`;
  }

  test("in an update holds the sources", async () => {
    await recordImage();
    const { key } = named(planShop().images, "web");
    expect(existsSync(join(contextOf(key), "index.html"))).toBe(true);
  });

  test("in a preview is an empty folder", async () => {
    await recordImage({ preview: true });
    const { key } = named(planShop().images, "web");
    expect(readdirSync(contextOf(key))).toEqual([]);
  });
});

test("in preview the digest alone is unknown", async () => {
  const { tag } = named(planShop().images, "web");
  const { result, registrations } = await recordImage({ preview: true });
  const outputs = { repository: "pull.test:2/shop/web", tag, digest: unknown };
  expect(result).toEqual({ ...outputs, buildReference: unknown });
  const noted = expect.stringMatching(/^[0-9a-f]{12}$/) as string;
  expect(only(registrations, componentType).outputs).toEqual({ ...outputs, result: noted });
});

test("in an update the digest is the pushed one", async () => {
  const { tag } = named(planShop().images, "web");
  const { result, registrations } = await recordImage();
  const digest = digestOf([`push.test:1/shop/web:${tag}`]);
  const outputs = { repository: "pull.test:2/shop/web", tag, digest };
  expect(result).toEqual({
    ...outputs,
    buildReference: `push.test:1/shop/web:${tag}@${digest}`,
  });
  const noted = expect.stringMatching(/^[0-9a-f]{12}$/) as string;
  expect(only(registrations, componentType).outputs).toEqual({ ...outputs, result: noted });
});

test("an empty digest, which the plugin previews for some updates, is unknown", async () => {
  const { result } = await recordImage({ preview: true, provider: () => ({ digest: "" }) });
  expect(result.digest).toBe(unknown);
});

describe.each([
  ["verify", ""],
  ["skip-verify", ",registry.insecure=true"],
  ["plain-http", ",registry.insecure=true"],
] as const)("with TLS %s", (pushTls, insecure) => {
  const endpoints = { ...shopPublishing.endpoints, pushTls };

  test("the export says so to BuildKit", async () => {
    const publishing = { ...shopPublishing, endpoints };
    const { inputs } = only((await recordImage({ publishing })).registrations, imageType);
    expect(inputs["exports"]).toEqual([{ raw: `type=registry,rewrite-timestamp=true${insecure}` }]);
    expect(inputs).not.toHaveProperty("cacheFrom");
    expect(inputs).not.toHaveProperty("cacheTo");
  });

  test("a cache in the registry is read and written in the same way", async () => {
    const publishing = { ...shopPublishing, endpoints, registryCache: true };
    const { inputs } = only((await recordImage({ publishing })).registrations, imageType);
    const cache = `type=registry,ref=push.test:1/shop/web:cache${insecure}`;
    expect(inputs["cacheFrom"]).toEqual([{ raw: cache }]);
    expect(inputs["cacheTo"]).toEqual([{ raw: `${cache},mode=max,ignore-error=true` }]);
  });
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

describe("what the Dockerfile takes is bound to a digest:", () => {
  const digest = `sha256:${"1".repeat(64)}`;
  const own = `alpine@sha256:${"2".repeat(64)}`;

  async function contextsOf(variation: Variation): Promise<unknown> {
    const { registrations } = await recordImage(variation);
    // Its form is that of the test above.
    const { named: contexts } = only(registrations, imageType, "web").inputs["context"] as {
      readonly named: unknown;
    };
    return contexts;
  }

  test("locked bases to that of the lock; neither unlocked ones nor those that name their own", async () => {
    writeFiles(".", {
      "apps/web/Dockerfile": `FROM node AS build\nFROM nginx\nCOPY --from=build /a /\nCOPY --from=${own} /b /\n`,
    });
    const bases = new Map([
      ["nginx", digest],
      ["debian", digest],
    ]);
    expect(await contextsOf({ bases })).toEqual({
      nginx: { location: `docker-image://nginx@${digest}` },
    });
  });

  test("the frontend in the Dockerfile itself, since no build context replaces it", async () => {
    writeFiles(".", { "apps/web/Dockerfile": "# syntax=docker/dockerfile:1\nFROM scratch\n" });
    const bases = new Map([["docker/dockerfile:1", digest]]);
    const { registrations } = await recordImage({ bases });
    expect(only(registrations, imageType).inputs["dockerfile"]).toEqual({
      inline: `# syntax=docker/dockerfile:1@${digest}\nFROM scratch\n`,
    });
  });

  const needy: Deliverables = {
    images: { ...shop.images, web: { path: "apps/web", needs: ["api"] } },
    charts: {},
  };
  const needyFiles = { "apps/web/Dockerfile": "FROM api\nCOPY . /srv\n" };

  test("needed images to the one just pushed", async () => {
    writeFiles(".", needyFiles);
    const { tag } = named(planShop(needy).images, "api");
    const reference = `push.test:1/shop/api:${tag}`;
    expect(await contextsOf({ deliverables: needy })).toEqual({
      api: { location: `docker-image://${reference}@${digestOf([reference])}` },
    });
    const { registrations } = await recordImage({ deliverables: needy });
    expect(only(registrations, imageType, "web").dependsOn).toEqual([`${imageType}::api`]);
  });

  test("needed images to one that a preview does not know", async () => {
    writeFiles(".", needyFiles);
    expect(await contextsOf({ deliverables: needy, preview: true })).toEqual({
      api: { location: unknown },
    });
  });
});

describe("an image that is pushed again", () => {
  const recorded = `sha256:${"3".repeat(64)}`;
  const now = { pushes: 2, lost: recorded };

  test.each([true, false])("counts it in its inputs (preview: %s)", async (preview) => {
    const { registrations } = await recordImage({ preview, finding: now });
    expect(only(registrations, imageType).inputs["buildArgs"]).toEqual({
      SOURCE_DATE_EPOCH: "315532800",
      TINYOLLY_PUSHES: "2",
    });
    expect(only(registrations, componentType).inputs["pushes"]).toBe(2);
  });

  test("shows the recorded digest in a preview, so that nothing seems to follow", async () => {
    const { result } = await recordImage({ preview: true, finding: now });
    expect(result.digest).toBe(recorded);
  });

  test("has the pushed digest in an update", async () => {
    const { result } = await recordImage({ finding: now });
    expect(result.digest).toBe(digestOf([`push.test:1/shop/web:${result.tag}`]));
  });

  test("keeps its count when it is there again, and its digest is the plugin's to tell", async () => {
    const finding = { pushes: 2 };
    const { registrations, result } = await recordImage({ preview: true, finding });
    expect(only(registrations, imageType).inputs["buildArgs"]).toHaveProperty(
      "TINYOLLY_PUSHES",
      "2",
    );
    expect(result.digest).toBe(unknown);
  });

  test("counts nothing as long as it was pushed once", async () => {
    const finding = { pushes: 0 };
    const { registrations } = await recordImage({ finding });
    expect(only(registrations, imageType).inputs["buildArgs"]).not.toHaveProperty(
      "TINYOLLY_PUSHES",
    );
    expect(only(registrations, componentType).inputs).not.toHaveProperty("pushes");
  });
});

describe("from inputs alone", () => {
  const registryArgs = { push: "ghcr.test", namespace: "owner" };

  test.each([true, false])("an image is built, with preview: %s", async (preview) => {
    const { registrations, result } = await record({ preview }, () => {
      const registry = new Registry("registry", registryArgs);
      const buildArgs = { EDITION: pulumi.output("large") };
      const image = new Image("front", {
        registry,
        path: "apps/web",
        repository: "web",
        buildArgs,
      });
      const { repository, tag, digest, key } = image;
      return { repository, tag, digest, key };
    });
    const { repository, tag, digest, key } = result;
    const reference = `ghcr.test/owner/web:h${key.slice(0, 12)}`;
    expect(reference).toBe(`${repository}:${tag}`);
    expect(digest).toBe(preview ? unknown : digestOf([reference]));
    // Buildx then takes the current one.
    expect(only(registrations, imageType).inputs).not.toHaveProperty("builder");
    expect(only(registrations, imageType)).toMatchObject({
      name: "front",
      inputs: {
        tags: [reference],
        buildArgs: { EDITION: "large" },
        exports: [{ raw: "type=registry,rewrite-timestamp=true" }],
      },
    });
  });

  test("an image that needs another takes it by the name in its Dockerfile", async () => {
    writeFiles(".", { "apps/web/Dockerfile": "FROM tools\n" });
    const { registrations } = await record({ preview: false }, () => {
      const registry = new Registry("registry", registryArgs);
      const tools = new Image("api", { registry, path: "apps/api" });
      return new Image("web", { registry, path: "apps/web", needs: { tools } }).digest;
    });
    const [reference] = only(registrations, imageType, "api").inputs["tags"] as string[];
    expect(only(registrations, imageType, "web").inputs["context"]).toMatchObject({
      named: { tools: { location: `docker-image://${reference ?? ""}@${digestOf([reference])}` } },
    });
  });

  test("an input that a preview does not know leaves unknown what follows from it", async () => {
    const { result } = await record({ preview: true }, () => {
      const registry = new Registry("registry", registryArgs);
      // The SDK types the marker as any.
      const EDITION = pulumi.output(pulumi.unknown as string);
      const { repository, tag } = new Image("web", {
        ...{ registry, path: "apps/web", buildArgs: { EDITION } },
      });
      return { repository, tag };
    });
    expect(result).toEqual({ repository: unknown, tag: unknown });
  });

  test.each([
    [
      { path: "apps/shop" },
      'image "web": there is no folder apps/shop; create it or correct the path',
    ],
    [{ path: "apps/web", target: "top" }, /^image "web": apps\/web\/Dockerfile has no stage "top"/],
  ])("wrong inputs end the program with a message: %j", async (args, message) => {
    const program = record({ preview: true }, () => {
      const registry = new Registry("registry", registryArgs);
      return new Image("web", { registry, ...args }).tag;
    });
    await expect(program).rejects.toThrow(message);
  });
});

test("two registries in one program each get the image", async () => {
  const { registrations } = await record({ preview: true }, () => {
    const plain = { namespace: "owner", pushTls: "plain-http" } as const;
    const here = new Registry("here", { ...plain, push: "localhost:5000" });
    const there = new Registry("there", { push: "ghcr.test", namespace: "owner" });
    for (const registry of [here, there])
      new Image(`web-${registry.endpoints.push}`, {
        ...{ registry, path: "apps/web", repository: "web" },
      });
  });
  const images = registrations.filter(({ type }) => type === imageType);
  expect(images.map(({ inputs }) => [inputs["tags"], inputs["exports"]])).toEqual([
    [
      [expect.stringMatching(/^localhost:5000\/owner\/web:h/)],
      [{ raw: "type=registry,rewrite-timestamp=true,registry.insecure=true" }],
    ],
    [
      [expect.stringMatching(/^ghcr\.test\/owner\/web:h/)],
      [{ raw: "type=registry,rewrite-timestamp=true" }],
    ],
  ]);
});
