import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  type PresenceQuestion,
  type Presences,
  assumedPresences,
  findPresences,
  keyAnnotation,
} from "../../../delivery/findings/presence.ts";
import { type RecordedArtifact, nothingRecorded } from "../../../delivery/findings/recorded.ts";
import { chartConfigType } from "../../../delivery/registry/media-types.ts";
import type { Endpoints } from "../../../delivery/registry/references.ts";
import { releaseRecordType, writeRecord } from "../../../delivery/releases/record.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { type FakeRegistry, indexOf, manifestOf, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { releasedImage } from "../../released-image.ts";
import { named, planShop, shop, shopEndpoints, shopFiles, shopOptions } from "../../shop.ts";

let registry: FakeRegistry;
let endpoints: Endpoints;

beforeEach(async () => {
  enterFolderWith(shopFiles);
  registry = await startRegistry();
  onTestFinished(() => registry.close());
  endpoints = { ...shopEndpoints, push: registry.host, pushTls: "plain-http" };
});

function question(release?: string, recorded = nothingRecorded): PresenceQuestion {
  const plan = planShop(shop, { ...shopOptions, versions: { line: "v2.1", release } });
  return { plan, recorded, endpoints, release };
}

const image = (asked: PresenceQuestion, name = "web") => named(asked.plan.images, name);
const chart = (asked: PresenceQuestion, name = "shop") => named(asked.plan.charts, name);

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

function conflictsOf({ images, charts }: Presences): string[] {
  return [...images.values(), ...charts.values()].flatMap(({ conflict }) => conflict ?? []);
}

test("an empty registry has nothing of it, and reads are all that it sees", async () => {
  const { images, charts, recorded } = await findPresences(question("v2.1.8"));
  const parts = [...images.values(), ...charts.values()];
  expect(parts).toHaveLength(4);
  for (const { existing, released } of parts)
    expect([existing, released]).toEqual([undefined, false]);
  expect(recorded).toBe(false);
  expect(new Set(registry.requests.map(({ method }) => method))).toEqual(new Set(["GET"]));
});

describe("what others have published", () => {
  test("is taken as it is where the state has nothing of it", async () => {
    const asked = question();
    const digests = asked.plan.images.map(pushImage);
    const shopDigest = pushChart(chart(asked));
    const { images, charts } = await findPresences(asked);
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
    const found = await findPresences(asked);
    expect(found.images.get("web")?.existing).toBeUndefined();
    expect(found.charts.get("shop")?.existing).toBeUndefined();
  });

  test("is asked for by a release, whatever the stack made itself", async () => {
    const before = question("v2.1.7");
    const images = new Map([["web", recordedImage(image(before), `sha256:${"1".repeat(64)}`)]]);
    writeFiles(".", { "apps/web/index.html": "other" });
    const asked = question("v2.1.8", { ...nothingRecorded, images });
    const digest = pushImage(image(asked));
    expect((await findPresences(asked)).images.get("web")?.existing).toBe(digest);
  });

  test("is not taken where a platform of it is missing", async () => {
    const asked = question();
    const { name, contentTag } = image(asked);
    const amd64 = registry.setManifest(`shop/${name}`, "x", manifestOf("amd64"));
    const arm64 = `sha256:${sha256("gone")}`;
    const index = indexOf({ "linux/amd64": amd64, "linux/arm64": arm64 });
    registry.setManifest(`shop/${name}`, contentTag, index, mediaTypes.index);
    expect((await findPresences(asked)).images.get("web")?.existing).toBeUndefined();
  });

  test("is not taken as a chart while an image of it is built", async () => {
    const asked = question();
    pushImage(image(asked));
    pushChart(chart(asked));
    expect((await findPresences(asked)).charts.get("shop")?.existing).toBeUndefined();
  });
});

describe("what was taken before", () => {
  test("is taken again, and made when it is gone", async () => {
    const asked = question();
    const digest = pushImage(image(asked));
    const images = new Map([["web", recordedImage(image(asked), digest, true)]]);
    const again = { ...asked, recorded: { ...nothingRecorded, images } };
    expect((await findPresences(again)).images.get("web")).toMatchObject({
      existing: digest,
      absence: undefined,
    });
    registry.delete("shop/web", image(asked).contentTag);
    expect((await findPresences(again)).images.get("web")).toMatchObject({
      existing: undefined,
      absence: { cause: "missing-image" },
    });
  });

  test("is taken to be there where nobody is asked", () => {
    const asked = question();
    const digest = `sha256:${"1".repeat(64)}`;
    const images = new Map([
      ["web", recordedImage(image(asked), digest, true)],
      ["api", recordedImage(image(asked, "api"), digest)],
    ]);
    const found = assumedPresences({ ...asked, recorded: { ...nothingRecorded, images } });
    expect(found.images.get("web")?.existing).toBe(digest);
    expect(found.images.get("api")?.existing).toBeUndefined();
    expect(registry.requests).toEqual([]);
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
    const found = await findPresences(asked);
    expect(conflictsOf(found)).toEqual([]);
    const parts = [...found.images.values(), ...found.charts.values()];
    expect(parts.every(({ released, existing }) => released && existing !== undefined)).toBe(true);
    expect(found.recorded).toBe(true);
  });

  test("is told by its record when the tags of its content are cleaned away", async () => {
    const asked = question("v2.1.8");
    const { key } = image(asked);
    const digest = registry.setManifest("shop/web", "v2.1.8", manifestOf(key));
    const web = releasedImage({ path: "web", key, digest });
    putRecord("v2.1.8", { web });
    expect((await findPresences(asked)).images.get("web")).toMatchObject({
      existing: digest,
      released: true,
    });
  });

  test("is refused where an image of that version has other content, and named the next free one", async () => {
    const asked = question("v2.1.8");
    const digest = registry.setManifest("shop/web", "v2.1.8", other);
    registry.setManifest("shop/web", "v2.1.9", other);
    expect(conflictsOf(await findPresences(asked))).toEqual([
      `image "web": ${registry.host}/shop/web:v2.1.8 is published with other content (${digest}), and published ` +
        "versions are never overwritten; release the next one: git tag --annotate v2.1.10 --message v2.1.10",
    ]);
  });

  test("is refused where a chart changed and its version did not, with the command that raises it", async () => {
    const asked = question("v2.1.8");
    registry.setManifest("shop/charts/shop", "1.2.3", chartOf("other key"));
    registry.setManifest("shop/charts/shop", "1.2.4", chartOf("another key"));
    expect(conflictsOf(await findPresences(asked))).toEqual([
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
    expect(conflictsOf(await findPresences(asked))).toEqual([
      `chart "shop": ${registry.host}/shop/charts/shop:1.2.3 was made for v2.1.7, and an image in it has to be built again, ` +
        "and published versions are never overwritten; set the next free one: make chart-version CHART=shop VERSION=1.2.4",
    ]);

    pushImage(image(asked, "api"));
    const whole = await findPresences(asked);
    expect(conflictsOf(whole)).toEqual([]);
    expect(whole.charts.get("shop")).toMatchObject({ stays: true, released: true });
  });

  test("may build an image again that the chart holds with which it is recorded", async () => {
    const asked = question("v2.1.8");
    const digest = pushChartFor("v2.1.7", chart(asked));
    const key = chart(asked).key;
    putRecord("v2.1.8", {}, { shop: { path: "charts/shop", key, version: "1.2.3", digest } });
    const found = await findPresences(asked);
    expect(conflictsOf(found)).toEqual([]);
    expect(found.charts.get("shop")).toEqual({ stays: false, released: false, since: "v2.1.7" });
  });

  test("may build an image again that its own chart holds", async () => {
    const asked = question("v2.1.8");
    pushChartFor("v2.1.8", chart(asked));
    const found = await findPresences(asked);
    expect(conflictsOf(found)).toEqual([]);
    expect(found.charts.get("shop")).toEqual({ stays: false, released: false });
  });

  test("is refused where somebody has overwritten the chart that this stack pushed", async () => {
    const asked = question("v2.1.8");
    const digest = pushChart(chart(asked));
    const charts = new Map([["shop", recordedChart(chart(asked), digest)]]);
    const moved = registry.setManifest("shop/charts/shop", "1.2.3", chartOf("other key"));
    const again = { ...asked, recorded: { ...nothingRecorded, charts } };
    expect(conflictsOf(await findPresences(again))).toEqual([
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
    const found = await findPresences({ ...asked, recorded });
    expect(found.charts.get("shop")).toMatchObject({ ...since, existing: undefined, stays: true });
    expect(conflictsOf(found)).toEqual([]);
    expect(assumedPresences({ ...asked, recorded }).charts.get("shop")).toMatchObject(since);

    registry.delete("shop/charts/shop", "1.2.3");
    expect((await findPresences({ ...asked, recorded })).charts.get("shop")).toMatchObject({
      ...{ ...since, stays: false, absence: { cause: "missing-chart" } },
    });
    // Without a release, the version of the app is that of the content.
    const content = await findPresences({ ...question(), recorded });
    expect(content.charts.get("shop")?.since).toBeUndefined();
  });

  test("may push again what it made itself and the registry lost", async () => {
    const asked = question("v2.1.8");
    const { contentTag } = image(asked);
    const digest = pushImage(image(asked));
    registry.setManifest("shop/web", "v2.1.8", manifestOf(image(asked).key));
    const images = new Map([["web", recordedImage(image(asked), digest)]]);
    registry.delete("shop/web", contentTag);
    const found = await findPresences({ ...asked, recorded: { ...nothingRecorded, images } });
    expect(found.images.get("web")).toMatchObject({
      absence: { cause: "missing-image" },
      released: true,
    });
    expect(conflictsOf(found)).toEqual([]);
  });

  function putRecord(
    release: string,
    images: Readonly<Record<string, object>>,
    charts: Readonly<Record<string, object>> = {},
  ): void {
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
    registry.setManifest("shop/releases", release, {
      ...{ schemaVersion: 2, mediaType: mediaTypes.manifest, config: empty, layers: [layer] },
    });
  }
});
