import { beforeEach, describe, expect, test } from "vitest";
import { Registry } from "../../components/registry.ts";
import { Release } from "../../components/release.ts";
import { ReleasedImages } from "../../components/released-images.ts";
import { scriptLine } from "../../components/script-command.ts";
import { enterFolderWith } from "../folders.ts";
import { makeCharts, makeImages } from "../made.ts";
import { type Registration, digestOf, only, record, unknown } from "../mocks.ts";
import { named, planShop, shop, shopEndpoints, shopFiles, shopOptions } from "../shop.ts";

const commandType = "command:local:Command";
const version = "v2.1.8";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const planned = () =>
  planShop(shop, { ...shopOptions, versions: { line: "v2.1", release: version } });

interface Variation {
  readonly preview?: boolean;
  readonly signing?: { readonly kind: "key"; readonly key: string; readonly publicKey: string };
  readonly pushes?: number;
}

/** The shop as a release. */
function recordRelease({ preview = false, signing, pushes }: Variation = {}) {
  const plan = planned();
  return record({ preview }, () => {
    const registry = new Registry("registry", shopEndpoints);
    const images = makeImages(plan, registry);
    const parts = { version, images, registry, signing, pushes };
    const tagged = new ReleasedImages("release-images", parts);
    const after = { dependsOn: [tagged] };
    const charts = makeCharts(plan, registry, images, new Map(), after);
    const args = { ...parts, charts, aliases: ["latest"] };
    const release = new Release("release", args, after);
    return { version: release.version, digest: release.digest };
  });
}

const command = (registrations: readonly Registration[], name: string): Registration =>
  only(registrations, commandType, name);

function requestOf({ inputs }: Registration): unknown {
  return JSON.parse(String(inputs["stdin"]));
}

/** An image as the record holds it. */
function imagePart(name: string): object {
  const { key, contentTag } = named(planned().images, name);
  return {
    ...{ path: name, key, tag: version, platforms: ["linux/amd64"], buildArgs: {} },
    ...{ digest: digestOf([`push.test:1/shop/${name}:${contentTag}`]), needs: [] },
    bases: name === "web" ? { nginx: "" } : {},
  };
}

const registry = { host: "push.test:1", tls: "skip-verify", namespace: "shop" };

describe("images of a release", () => {
  test("are pushed under the tag of their content, and then get the version, with what is known of them", async () => {
    const { registrations } = await recordRelease();
    for (const { inputs } of registrations.filter(
      ({ type }) => type === "docker-build:index:Image",
    ))
      expect(String(inputs["tags"])).toMatch(/:v2\.1\.x-h[0-9a-f]{12}$/);
    const tagged = command(registrations, "release-images");
    expect(tagged.inputs["create"]).toBe(scriptLine("tag-images"));
    expect(requestOf(tagged)).toEqual({
      release: version,
      registry,
      origin: ".tinyolly/origins/v2.1.8.json",
      images: { web: imagePart("web"), api: imagePart("api") },
    });
  });

  test("are signed as the stack says, of which only the private key's place is told", async () => {
    const signing = { kind: "key", key: "cosign.key", publicKey: "cosign.pub" } as const;
    const { registrations } = await recordRelease({ signing });
    for (const name of ["release-images", "release"])
      expect(requestOf(command(registrations, name))).toHaveProperty("signing", {
        ...{ kind: "key", key: "cosign.key" },
      });
  });
});

describe("the record of a release", () => {
  test("holds every image and chart, and waits for them", async () => {
    const { registrations, result } = await recordRelease();
    const recorded = command(registrations, "release");
    const shopChart = named(planned().charts, "shop");
    expect(requestOf(recorded)).toMatchObject({
      ...{ release: version, registry, aliases: ["latest"] },
      images: { web: imagePart("web"), api: imagePart("api") },
      charts: {
        shop: {
          ...{ path: "charts/shop", key: shopChart.key, version: "1.2.3" },
          digest: digestOf(command(registrations, "shop").inputs["stdin"]),
          ...{ pullFrom: "pull.test:2/shop", images: ["api", "web"] },
        },
        tools: { images: ["api"] },
      },
    });
    expect(recorded.dependsOn).toEqual(
      expect.arrayContaining(
        ["release-images", "shop", "tools"].map((one) => `${commandType}::${one}`),
      ),
    );
    expect(result).toEqual({ version, digest: digestOf(recorded.inputs["stdin"]) });
  });

  test("shows which content it is of", async () => {
    const { registrations } = await recordRelease();
    const keys = (parts: readonly { name: string; key: string }[]) =>
      Object.fromEntries(parts.map(({ name, key }) => [name, key.slice(0, 12)]));
    const { images, charts } = planned();
    expect(only(registrations, "tinyolly:index:Release", "release").inputs).toEqual({
      ...{ version, images: keys(images), charts: keys(charts) },
    });
    expect(only(registrations, "tinyolly:index:ReleasedImages").inputs).toEqual({
      ...{ version, keys: keys(images) },
    });
  });

  test("is made once more when it went missing", async () => {
    const { registrations } = await recordRelease({ pushes: 2 });
    for (const name of ["release-images", "release"])
      expect(command(registrations, name).inputs["environment"]).toEqual({ TINYOLLY_PUSHES: "2" });
  });

  test("has a version in a preview, and no digest yet", async () => {
    const { result } = await recordRelease({ preview: true });
    expect(result).toEqual({ version, digest: unknown });
  });
});
