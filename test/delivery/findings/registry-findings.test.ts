import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { Drift } from "../../../delivery/basics/drift.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { conflicts, warnings } from "../../../delivery/findings/finding.ts";
import {
  type Recorded,
  type RecordedArtifact,
  nothingRecorded,
} from "../../../delivery/findings/recorded.ts";
import {
  type RegistryQuestion,
  assumeInRegistry,
  findInRegistry,
} from "../../../delivery/findings/registry-findings.ts";
import { keyAnnotation } from "../../../delivery/plan/chart-package.ts";
import { type ReleaseSettings, releaseFingerprint } from "../../../delivery/plan/fingerprint.ts";
import { chartConfigType } from "../../../delivery/registry/media-types.ts";
import { type Endpoints, referrersTag } from "../../../delivery/registry/references.ts";
import { releaseRecordType, writeRecord } from "../../../delivery/releases/record.ts";
import { mediaTypes, sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, indexOf, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { releasedImage } from "../../released-image.ts";
import { named, planShop, shop, shopEndpoints, shopFiles, shopOptions } from "../../shop.ts";

let registry: FakeRegistry;
let endpoints: Endpoints;
/** Whether the registry answers 403 to everything. */
let broken: boolean;

beforeEach(async () => {
  enterFolderWith(shopFiles);
  broken = false;
  registry = await startRegistry({
    behaviour: (_, response) => {
      if (broken) sendJson(response, 403, {});
      return broken;
    },
  });
  onTestFinished(() => registry.close());
  endpoints = { ...shopEndpoints, push: registry.host, pushTls: "plain-http" };
});

function question(release?: string, recorded = nothingRecorded): RegistryQuestion {
  const plan = planShop(shop, { ...shopOptions, versions: { line: "v2.1", release } });
  return { plan, recorded, endpoints, release };
}

const image = (asked: RegistryQuestion, name = "web") => named(asked.plan.images, name);
const chart = (asked: RegistryQuestion, name = "shop") => named(asked.plan.charts, name);

/** A chart as it is pushed, made from a key. */
function chartOf(key: string): unknown {
  return { ...Object(manifestOf(`chart ${key}`)), annotations: { [keyAnnotation]: key } };
}

function pushImage({ name, contentTag, key }: ReturnType<typeof image>): string {
  return registry.setManifest(`shop/${name}`, contentTag, manifestOf(key));
}

function pushChart({ name, version, key }: ReturnType<typeof chart>): string {
  return registry.setManifest(`shop/charts/${name}`, version, chartOf(key));
}

/** As it is recorded when a stack pushed it, or found it. */
function recordedImage(
  { name, contentTag, key }: ReturnType<typeof image>,
  digest: string,
  adopted = false,
): RecordedArtifact {
  const reference = `${endpoints.push}/shop/${name}:${contentTag}`;
  return { reference, key: key.slice(0, 12), digest, pushes: 0, adopted };
}

function recordedChart(
  { name, version, key }: ReturnType<typeof chart>,
  digest: string,
): RecordedArtifact {
  const reference = `oci://${endpoints.push}/shop/charts/${name}:${version}`;
  return { reference, key: key.slice(0, 12), digest, pushes: 0 };
}

/** Stores a record under a tag; returns its digest. */
function putRecord(
  tag: string,
  images: Readonly<Record<string, object>>,
  charts: Readonly<Record<string, object>> = {},
  release = tag,
): string {
  const record = { form: 1, release, images, charts, tools: {} } as const;
  // Only what is given of images and charts is read.
  const text = writeRecord(record as unknown as Parameters<typeof writeRecord>[0]);
  registry.setBlob("shop/releases", Buffer.from(text));
  const layer = {
    mediaType: releaseRecordType,
    digest: `sha256:${sha256(text)}`,
    size: Buffer.byteLength(text),
  };
  const empty = {
    mediaType: "application/vnd.oci.empty.v1+json",
    digest: `sha256:${sha256("{}")}`,
    size: 2,
  };
  return registry.setManifest("shop/releases", tag, {
    ...{ schemaVersion: 2, mediaType: mediaTypes.manifest, config: empty, layers: [layer] },
  });
}

test("an empty registry has nothing of it, and reads are all that it sees", async () => {
  const { images, charts, release } = await findInRegistry(question("v2.1.8"));
  const parts = [...images.values(), ...charts.values()];
  expect(parts).toHaveLength(4);
  for (const { existing, released } of parts)
    expect([existing, released]).toEqual([undefined, false]);
  expect(release.recorded).toBe(false);
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

describe("what this stack has published", () => {
  /** Publishes everything; the question that follows is about just that. */
  function published(): RegistryQuestion {
    const asked = question();
    const { plan } = asked;
    const images = plan.images.map(
      (one) => [one.name, recordedImage(one, pushImage(one))] as const,
    );
    const charts = plan.charts.map(
      (one) => [one.name, recordedChart(one, pushChart(one))] as const,
    );
    const recorded = { ...nothingRecorded, images: new Map(images), charts: new Map(charts) };
    return { ...asked, recorded };
  }

  async function drifts(asked: RegistryQuestion): Promise<Record<string, Drift>> {
    const { images, charts } = await findInRegistry(asked);
    const all = [
      ...[...images].map(([name, found]) => [`image ${name}`, found] as const),
      ...[...charts].map(([name, found]) => [`chart ${name}`, found] as const),
    ];
    return Object.fromEntries(all.flatMap(([name, { drift }]) => (drift ? [[name, drift]] : [])));
  }

  test("did not drift while the registry is as recorded, which takes reads only", async () => {
    expect(await drifts(published())).toEqual({});
    expect(registry.requests).toHaveLength(4);
    expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
  });

  test("drifted where an image, a chart or a tag is gone or elsewhere, and is pushed once more", async () => {
    const asked = published();
    const [web, api, own] = [image(asked), image(asked, "api"), chart(asked)];
    registry.delete("shop/web", web.contentTag);
    registry.delete("shop/charts/shop", own.version);
    const digest = registry.setManifest("shop/api", api.contentTag, manifestOf("other"));
    const known = asked.recorded.images.get("api")?.digest ?? "";
    const { host } = registry;
    expect(await drifts(asked)).toEqual({
      "image web": { cause: "missing", detail: `shop/web:${web.contentTag} is not in ${host}` },
      "image api": {
        cause: "tag-moved",
        detail: `shop/api:${api.contentTag} moved in ${host} from ${known} to ${digest}`,
      },
      "chart shop": {
        cause: "missing",
        detail: `shop/charts/shop:${own.version} is not in ${host}`,
      },
    });
    const { images, charts } = await findInRegistry(asked);
    expect(images.get("api")).toMatchObject({ pushes: 1, lost: known });
    expect(charts.get("shop")).toMatchObject({ pushes: 1 });
    expect(charts.get("tools")).toMatchObject({ pushes: 0, stays: true });
    expect(charts.get("tools")).not.toHaveProperty("lost");
  });

  test("is not asked for where the plan changes it anyway", async () => {
    const { recorded, plan } = published();
    registry.delete("shop/web", named(plan.images, "web").contentTag);
    writeFiles(".", { "apps/web/index.html": "other" });
    expect(await drifts(question(undefined, recorded))).toEqual({});
    expect(registry.requests.map(({ path }) => path).sort()).toEqual([
      expect.stringMatching(/^\/v2\/shop\/api\/manifests\//),
      expect.stringMatching(/^\/v2\/shop\/charts\/tools\/manifests\//),
    ]);
  });

  test("does not count as missing where the answer is another one than 404", async () => {
    const asked = published();
    broken = true;
    await expect(findInRegistry(asked)).rejects.toThrow(/ could not be read: .*403/);
  });
});

describe("what others have published", () => {
  test("is taken as it is where the state has nothing of it", async () => {
    const asked = question();
    const digests = asked.plan.images.map(pushImage);
    const shopDigest = pushChart(chart(asked));
    const { images, charts } = await findInRegistry(asked);
    expect([...images.values()].map(({ existing }) => existing)).toEqual(digests);
    expect(charts.get("shop")?.existing).toBe(shopDigest);
    expect(charts.get("tools")?.existing).toBeUndefined();
  });

  test("is not asked for where a development stack made another version itself", async () => {
    const before = question();
    const images = new Map([["web", recordedImage(image(before), `sha256:${"1".repeat(64)}`)]]);
    const charts = new Map([["shop", recordedChart(chart(before), `sha256:${"2".repeat(64)}`)]]);
    writeFiles(".", { "apps/web/index.html": "other" });
    const asked = question(undefined, { ...nothingRecorded, images, charts });
    pushImage(image(asked));
    pushChart(chart(asked));
    const found = await findInRegistry(asked);
    expect(found.images.get("web")?.existing).toBeUndefined();
    expect(found.charts.get("shop")?.existing).toBeUndefined();
  });

  test("is asked for by a release, whatever the stack made itself", async () => {
    const before = question("v2.1.7");
    const images = new Map([["web", recordedImage(image(before), `sha256:${"1".repeat(64)}`)]]);
    writeFiles(".", { "apps/web/index.html": "other" });
    const asked = question("v2.1.8", { ...nothingRecorded, images });
    const digest = pushImage(image(asked));
    expect((await findInRegistry(asked)).images.get("web")?.existing).toBe(digest);
  });

  test("is not taken where a platform of it is missing", async () => {
    const asked = question();
    const { name, contentTag } = image(asked);
    const amd64 = registry.setManifest(`shop/${name}`, "x", manifestOf("amd64"));
    const arm64 = `sha256:${sha256("gone")}`;
    const index = indexOf({ "linux/amd64": amd64, "linux/arm64": arm64 });
    registry.setManifest(`shop/${name}`, contentTag, index, mediaTypes.index);
    expect((await findInRegistry(asked)).images.get("web")?.existing).toBeUndefined();
  });

  test("is not taken as a chart while an image of it is built", async () => {
    const asked = question();
    pushImage(image(asked));
    pushChart(chart(asked));
    expect((await findInRegistry(asked)).charts.get("shop")?.existing).toBeUndefined();
  });
});

describe("what was taken before", () => {
  test("is taken again, and made when it is gone", async () => {
    const asked = question();
    const digest = pushImage(image(asked));
    const images = new Map([["web", recordedImage(image(asked), digest, true)]]);
    const again = { ...asked, recorded: { ...nothingRecorded, images } };
    expect((await findInRegistry(again)).images.get("web")).toMatchObject({
      existing: digest,
      drift: undefined,
    });
    registry.delete("shop/web", image(asked).contentTag);
    expect((await findInRegistry(again)).images.get("web")).toMatchObject({
      existing: undefined,
      drift: { cause: "missing" },
    });
  });

  test("is taken to be there where nobody is asked", () => {
    const asked = question();
    const digest = `sha256:${"1".repeat(64)}`;
    const images = new Map([
      ["web", recordedImage(image(asked), digest, true)],
      ["api", recordedImage(image(asked, "api"), digest)],
    ]);
    const found = assumeInRegistry({ ...asked, recorded: { ...nothingRecorded, images } });
    expect(found.images.get("web")?.existing).toBe(digest);
    expect(found.images.get("api")?.existing).toBeUndefined();
    expect(registry.requests).toEqual([]);
  });
});

const rebuilds =
  'chart "shop" 1.2.3 holds an image that is built again; where that comes out with another digest, up does not overwrite ' +
  "the chart and fails: then raise the version in charts/shop/Chart.yaml";

describe("a chart that stays while an image in it is gone", () => {
  /** Images and charts as this stack has pushed them, or has found them, without the image web. */
  function withoutWeb(release: string | undefined, adopted: boolean): RegistryQuestion {
    const asked = question(release);
    const { plan } = asked;
    const images = plan.images.map((one) => {
      return [one.name, recordedImage(one, pushImage(one), adopted)] as const;
    });
    const charts = plan.charts.map((one) => {
      const digest = pushChart(one);
      return [one.name, { ...recordedChart(one, digest), adopted }] as const;
    });
    registry.delete("shop/web", image(asked).contentTag);
    const recorded = { ...nothingRecorded, images: new Map(images), charts: new Map(charts) };
    return { ...asked, recorded };
  }

  test.each([undefined, "v2.1.8"])(
    "is packaged again where this stack only took it (release %s)",
    async (release) => {
      const { charts } = await findInRegistry(withoutWeb(release, true));
      const { existing, stays, drift, pushes } = charts.get("shop") ?? {};
      expect({ existing, stays, pushes }).toEqual({ stays: false, pushes: 0 });
      expect(drift?.cause).toBe("image-of-chart");
      expect(charts.get("tools")).toMatchObject({ stays: true });
    },
  );

  test.each([undefined, "v2.1.8"])(
    "is warned of where this stack made it, since up cannot overwrite it (release %s)",
    async (release) => {
      const asked = withoutWeb(release, false);
      const { version } = chart(asked);
      const found = { ...(await findInRegistry(asked)), applications: new Map() };
      expect(found.charts.get("shop")).toMatchObject({ stays: true, pushes: 0 });
      expect(warnings(found)).toEqual([rebuilds.replace("1.2.3", version)]);
    },
  );
});

describe("a release that this stack made", () => {
  const version = "v2.1.8";
  const signing = { kind: "key", key: "cosign.key" } as const;

  /** Everything is published, tagged with version and aliases, signed and recorded. */
  function made(before: Partial<ReleaseSettings> = {}): RegistryQuestion {
    const asked = question(version);
    const { plan } = asked;
    const images = plan.images.map((one) => {
      const digest = pushImage(one);
      for (const tag of [version, "latest", "v2"])
        registry.setManifest(`shop/${one.name}`, tag, manifestOf(one.key));
      sign(`shop/${one.name}`, digest);
      return { ...releasedImage({ path: one.name, digest }), name: one.name, key: one.key };
    });
    const charts = plan.charts.map((one) => {
      const digest = pushChart(one);
      sign(`shop/charts/${one.name}`, digest);
      return { name: one.name, path: `charts/${one.name}`, key: one.key, version: "1.2.3", digest };
    });
    const byName = <Part extends { name: string }>(parts: readonly Part[]) =>
      Object.fromEntries(parts.map((part) => [part.name, part]));
    for (const tag of [version, "latest", "v2"])
      sign("shop/releases", putRecord(tag, byName(images), byName(charts), version));
    const settings = { aliases: ["latest", "v{major}"], signing, ...before };
    const release = {
      version,
      pushes: 2,
      fingerprint: releaseFingerprint(version, plan, endpoints, settings),
    };
    const recorded: Recorded = {
      ...nothingRecorded,
      images: new Map(
        plan.images.map((one, i) => [one.name, recordedImage(one, images[i]?.digest ?? "")]),
      ),
      charts: new Map(
        plan.charts.map((one, i) => [one.name, recordedChart(one, charts[i]?.digest ?? "")]),
      ),
      release,
    };
    return { ...asked, recorded, aliases: ["latest", "v{major}"], signing };
  }

  /** Lists a signature of a digest where a registry without an API for it has them. */
  function sign(repository: string, digest: string): void {
    const signature = {
      mediaType: mediaTypes.manifest,
      digest: `sha256:${sha256(digest)}`,
      size: 1,
      artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    };
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [signature] };
    registry.setManifest(repository, referrersTag(digest), index, mediaTypes.index);
  }

  const digestOf = (asked: RegistryQuestion, name: string): string =>
    asked.recorded.images.get(name)?.digest ?? "";

  test("is whole, which takes reads only", async () => {
    expect((await findInRegistry(made())).release).toEqual({ pushes: 2, recorded: true });
    expect(registry.requests.filter(({ method }) => !["GET", "HEAD"].includes(method))).toEqual([]);
  });

  test.each<[what: string, lose: (asked: RegistryQuestion) => void, missing: string]>([
    [
      "an alias of an image is gone",
      () => {
        registry.delete("shop/web", "latest");
      },
      "the alias latest on v2.1.8",
    ],
    [
      "an alias of the record is elsewhere",
      () => {
        registry.setManifest("shop/releases", "v2", manifestOf("other"));
      },
      "the alias v2 on v2.1.8",
    ],
    [
      "signatures are gone",
      (asked) => {
        registry.delete("shop/web", referrersTag(digestOf(asked, "web")));
        registry.delete(
          "shop/charts/tools",
          referrersTag(asked.recorded.charts.get("tools")?.digest ?? ""),
        );
      },
      "a signature of image web, chart tools",
    ],
    [
      "an alias, a tag and a signature are gone",
      (asked) => {
        registry.delete("shop/api", version);
        registry.delete("shop/api", "v2");
        registry.delete("shop/api", referrersTag(digestOf(asked, "api")));
      },
      "api of v2.1.8 and the alias v2 on v2.1.8 and a signature of image api",
    ],
  ])("is put right where %s", async (_, lose, missing) => {
    const asked = made();
    lose(asked);
    const { release } = await findInRegistry(asked);
    expect(release).toEqual({ pushes: 3, recorded: true, missing });
  });

  test("has no alias that a newer release took", async () => {
    const asked = made();
    registry.setManifest("shop/releases", "v2.2.0", manifestOf("newer"));
    registry.setManifest("shop/web", "latest", manifestOf("newer"));
    registry.setManifest("shop/web", "v2", manifestOf("newer"));
    expect((await findInRegistry(asked)).release).toEqual({ pushes: 2, recorded: true });
  });

  test("is not asked for aliases and signatures that the settings change anyway", async () => {
    const asked = made({ aliases: ["latest"], signing: { ...signing, key: "other.key" } });
    registry.delete("shop/web", "v2");
    registry.delete("shop/web", referrersTag(digestOf(asked, "web")));
    expect((await findInRegistry(asked)).release).toEqual({ pushes: 2, recorded: true });
    registry.delete("shop/web", "latest");
    const { release } = await findInRegistry({ ...asked, aliases: [] });
    expect(release).toEqual({ pushes: 2, recorded: true });
  });
});

describe("a release", () => {
  const other = manifestOf("other");

  test("that is published with the same content is left as it is", async () => {
    const asked = question("v2.1.8");
    for (const one of asked.plan.images) {
      registry.setManifest(`shop/${one.name}`, "v2.1.8", manifestOf(one.key));
      pushImage(one);
    }
    for (const one of asked.plan.charts) pushChart(one);
    registry.setManifest("shop/releases", "v2.1.8", manifestOf("record"));
    const found = await findInRegistry(asked);
    expect(conflicts(found)).toEqual([]);
    const parts = [...found.images.values(), ...found.charts.values()];
    expect(parts.every(({ released, existing }) => released && existing !== undefined)).toBe(true);
    expect(found.release.recorded).toBe(true);
  });

  test("is told by its record when the tags of its content are cleaned away", async () => {
    const asked = question("v2.1.8");
    const { key } = image(asked);
    const digest = registry.setManifest("shop/web", "v2.1.8", manifestOf(key));
    const web = releasedImage({ path: "web", key, digest });
    putRecord("v2.1.8", { web });
    expect((await findInRegistry(asked)).images.get("web")).toMatchObject({
      existing: digest,
      released: true,
    });
  });

  test("is refused where an image of that version has other content, and named the next free one", async () => {
    const asked = question("v2.1.8");
    const digest = registry.setManifest("shop/web", "v2.1.8", other);
    registry.setManifest("shop/web", "v2.1.9", other);
    expect(conflicts(await findInRegistry(asked))).toEqual([
      `image "web": ${registry.host}/shop/web:v2.1.8 is published with other content (${digest}), and published ` +
        "versions are never overwritten; release the next one: git tag --annotate v2.1.10 --message v2.1.10",
    ]);
  });

  test("is refused where a chart changed and its version did not, with the command that raises it", async () => {
    const asked = question("v2.1.8");
    registry.setManifest("shop/charts/shop", "1.2.3", chartOf("other key"));
    registry.setManifest("shop/charts/shop", "1.2.4", chartOf("another key"));
    expect(conflicts(await findInRegistry(asked))).toEqual([
      `chart "shop": ${registry.host}/shop/charts/shop:1.2.3 is published with other content, and published versions ` +
        "are never overwritten; set the next free one: make chart-version CHART=shop VERSION=1.2.5",
    ]);
  });

  /** Pushes the chart as a release makes it. */
  function pushChartFor(release: string, { version, key }: ReturnType<typeof chart>): string {
    const metadata = JSON.stringify({ name: "shop", version, appVersion: release });
    const digest = registry.setBlob("shop/charts/shop", metadata);
    const config = { mediaType: chartConfigType, digest, size: metadata.length };
    return registry.setManifest("shop/charts/shop", version, { ...Object(chartOf(key)), config });
  }

  test("is refused before an image is built again that a chart of an earlier one holds", async () => {
    const asked = question("v2.1.8");
    pushImage(image(asked));
    pushChartFor("v2.1.7", chart(asked));
    expect(conflicts(await findInRegistry(asked))).toEqual([
      `chart "shop": ${registry.host}/shop/charts/shop:1.2.3 was made for v2.1.7, and an image in it has to be built again, ` +
        "and published versions are never overwritten; set the next free one: make chart-version CHART=shop VERSION=1.2.4",
    ]);

    pushImage(image(asked, "api"));
    const whole = await findInRegistry(asked);
    expect(conflicts(whole)).toEqual([]);
    expect(whole.charts.get("shop")).toMatchObject({ stays: true, released: true });
  });

  test("may build an image again that the chart holds with which it is recorded", async () => {
    const asked = question("v2.1.8");
    const digest = pushChartFor("v2.1.7", chart(asked));
    const key = chart(asked).key;
    putRecord("v2.1.8", {}, { shop: { path: "charts/shop", key, version: "1.2.3", digest } });
    const found = await findInRegistry(asked);
    expect(conflicts(found)).toEqual([]);
    expect(found.charts.get("shop")).toEqual({
      ...{ pushes: 0, stays: false, released: false, since: "v2.1.7" },
      warning: rebuilds,
    });
  });

  test("may build an image again that its own chart holds", async () => {
    const asked = question("v2.1.8");
    pushChartFor("v2.1.8", chart(asked));
    const found = await findInRegistry(asked);
    expect(conflicts(found)).toEqual([]);
    expect(found.charts.get("shop")).toEqual({
      pushes: 0,
      stays: false,
      released: false,
      warning: rebuilds,
    });
  });

  test("is refused where somebody has overwritten the chart that this stack pushed", async () => {
    const asked = question("v2.1.8");
    const digest = pushChart(chart(asked));
    const charts = new Map([["shop", recordedChart(chart(asked), digest)]]);
    const moved = registry.setManifest("shop/charts/shop", "1.2.3", chartOf("other key"));
    const again = { ...asked, recorded: { ...nothingRecorded, charts } };
    expect(conflicts(await findInRegistry(again))).toEqual([
      `chart "shop": shop/charts/shop:1.2.3 moved in ${registry.host} from ${digest} to ${moved}, and published versions ` +
        "are never overwritten; set the next free one: make chart-version CHART=shop VERSION=1.2.4",
    ]);
  });

  test("keeps a chart that stays as it is, for the release that it was made for", async () => {
    const asked = question("v2.1.8");
    for (const one of asked.plan.images) pushImage(one);
    const digest = pushChart(chart(asked));
    const mine = { ...recordedChart(chart(asked), digest), appVersion: "v2.1.7" };
    const recorded = { ...nothingRecorded, charts: new Map([["shop", mine]]) };
    const since = { since: "v2.1.7" };
    const found = await findInRegistry({ ...asked, recorded });
    expect(found.charts.get("shop")).toMatchObject({ ...since, existing: undefined, stays: true });
    expect(conflicts(found)).toEqual([]);
    expect(assumeInRegistry({ ...asked, recorded }).charts.get("shop")).toMatchObject(since);

    registry.delete("shop/charts/shop", "1.2.3");
    expect((await findInRegistry({ ...asked, recorded })).charts.get("shop")).toMatchObject({
      ...{ ...since, stays: false, drift: { cause: "missing" } },
    });
    // Without a release, the version of the app is that of the content.
    const content = await findInRegistry({ ...question(), recorded });
    expect(content.charts.get("shop")?.since).toBeUndefined();
  });

  test("may push again what it made itself and the registry lost", async () => {
    const asked = question("v2.1.8");
    const { contentTag } = image(asked);
    const digest = pushImage(image(asked));
    registry.setManifest("shop/web", "v2.1.8", manifestOf(image(asked).key));
    const images = new Map([["web", recordedImage(image(asked), digest)]]);
    registry.delete("shop/web", contentTag);
    const found = await findInRegistry({ ...asked, recorded: { ...nothingRecorded, images } });
    expect(found.images.get("web")).toMatchObject({
      drift: { cause: "missing" },
      released: true,
    });
    expect(conflicts(found)).toEqual([]);
  });
});
