import { describe, expect, onTestFinished, test } from "vitest";
import {
  type FoundRecord,
  deployedRecords,
  newestRecords,
  readRecords,
  recordRoots,
} from "../../../commands/gc/records.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import {
  type ReleaseRecord,
  releaseRecordType,
  writeRecord,
} from "../../../delivery/releases/record.ts";
import { seededRandom } from "../../random.ts";
import { releasedImage } from "../../released-image.ts";
import { pushImage, pushIndex, pushManifest, pushRecord } from "./artifacts.ts";
import { DeletableRegistry } from "./deletable-registry.ts";
import { digestOf } from "./random-graph.ts";

const repository = "space/releases";

function record(release: string, time?: string): ReleaseRecord {
  const source = { commit: "c", dirty: false };
  return {
    form: 1,
    release,
    images: {},
    charts: {},
    tools: {},
    ...(time !== undefined && { source: { ...source, time } }),
  };
}

function found(release: string, time?: string): FoundRecord {
  const digest = digestOf(release);
  return { repository, digest, tags: [release], record: record(release, time) };
}

function newest(records: readonly FoundRecord[], keep: number): string[] {
  return newestRecords(records, keep).map(({ record: { release } }) => release);
}

describe("the newest releases are", () => {
  const versions = [
    "v1.9.0",
    "v1.10.0-alpha",
    "v1.10.0-alpha.1",
    "v1.10.0-alpha.beta",
    "v1.10.0-beta",
    "v1.10.0-beta.2",
    "v1.10.0-beta.11",
    "v1.10.0-rc.1",
    "v1.10.0",
    "v1.10.1",
    "v2.0.0",
    "v10.0.0",
  ];

  test("those with the highest versions, in whatever order they are found", () => {
    for (let seed = 0; seed < 50; seed++) {
      const shuffled = seededRandom(seed)
        .shuffle(versions)
        .map((version) => found(version));
      for (let keep = 1; keep <= versions.length + 1; keep++)
        expect(newest(shuffled, keep).reverse()).toEqual(versions.slice(-keep));
    }
  });

  test("and those that an alias points at, such as latest before a pre-release", () => {
    const latest = { ...found("v2.1.8"), tags: ["v2.1.8", "latest"] };
    const records = [found("v2.1.7"), latest, found("v2.2.0-rc.1")];
    expect(newest(records, 1)).toEqual(["v2.2.0-rc.1", "v2.1.8"]);
    expect(newest(records, 2)).toEqual(["v2.2.0-rc.1", "v2.1.8"]);
  });

  test("of those that content names, the ones with the newest sources", () => {
    const records = [
      found("v2.1.x-ha", "2026-01-02T00:00:00Z"),
      found("v2.1.x-hb", "2026-01-03T00:00:00Z"),
      found("v2.1.x-hc", "2026-01-01T00:00:00Z"),
    ];
    expect(newest(records, 2).sort()).toEqual(["v2.1.x-ha", "v2.1.x-hb"]);
  });

  test("counted for each kind by itself", () => {
    const records = [
      found("v2.1.7"),
      found("v2.1.x-ha", "2026-01-02T00:00:00Z"),
      found("v2.1.8"),
      found("v2.1.x-hb", "2026-01-03T00:00:00Z"),
    ];
    expect(newest(records, 1)).toEqual(["v2.1.8", "v2.1.x-hb"]);
  });

  test("together all that one commit was built to, since nothing tells them apart", () => {
    const records = [
      found("v2.1.x-ha", "2026-01-02T00:00:00Z"),
      found("v2.1.x-hb", "2026-01-02T00:00:00Z"),
      found("v2.1.x-hc", "2026-01-01T00:00:00Z"),
    ];
    expect(newest(records, 1)).toEqual(["v2.1.x-ha", "v2.1.x-hb"]);
  });

  test("all of those whose sources have no time, besides the others", () => {
    const records = [
      found("v2.1.x-ha"),
      found("v2.1.x-hb", "yesterday"),
      found("v2.1.x-hc", "2026-01-01T00:00:00Z"),
      found("v2.1.x-hd", "2026-01-02T00:00:00Z"),
    ];
    expect(newest(records, 1)).toEqual(["v2.1.x-ha", "v2.1.x-hb", "v2.1.x-hd"]);
  });
});

test("the record of what is deployed is told by all of its charts", () => {
  const chart = (name: string, version: string) => ({
    ...{ path: `charts/${name}`, key: "k", version, digest: digestOf(`${name} ${version}`) },
    ...{ pullFrom: "pull.test/space", images: [] },
  });
  const released = (version: string, shop: string): FoundRecord => {
    const charts = { shop: chart("shop", shop), tools: chart("tools", "1.0.0") };
    return { ...found(version), record: { ...record(version), charts } };
  };
  const records = [released("v1.0.0", "1.0.0"), released("v1.0.1", "1.0.1"), found("v0.9.0")];
  const by = "Application";
  const running = [
    { repository: "space/charts/shop", reference: "1.0.0", by },
    { repository: "space/charts/tools", reference: digestOf("tools 1.0.0"), by },
    { repository: "space/charts/other", by },
  ];
  const deployed = deployedRecords(records, running);
  expect(deployed.map(({ record: { release } }) => release)).toEqual(["v1.0.0"]);
});

test("a release keeps its record and all that it lists", () => {
  const key = "0123456789abcdef".repeat(4);
  const image = releasedImage({ path: "web", key, tag: "v1", digest: digestOf("web") });
  const chart = {
    path: "charts/shop",
    key,
    version: "0.1.0",
    digest: digestOf("shop"),
    pullFrom: "pull.test/space",
    images: ["web"],
  };
  const listed = { ...record("v1"), images: { web: image }, charts: { shop: chart } };
  const roots = recordRoots({ ...found("v1"), tags: ["v1", "newest"], record: listed });
  const by = "release v1";
  // The tag of the image's content, by which the next release finds it.
  const content = { repository: "space/web", tagEnd: ".x-h0123456789ab", by };
  expect(roots.filter(({ tagEnd }) => tagEnd !== undefined)).toEqual([content]);
  expect(roots.filter(({ tagEnd }) => tagEnd === undefined)).toEqual(
    [
      [repository, digestOf("v1")],
      [repository, "v1"],
      [repository, "newest"],
      ["space/web", "v1"],
      ["space/web", digestOf("web")],
      // Where an alias such as latest is at this record, it is at these images.
      ["space/web", "newest"],
      ["space/charts/shop", "0.1.0"],
      ["space/charts/shop", digestOf("shop")],
    ].map(([path, reference]) => ({ repository: path, reference, by })),
  );
});

async function start(): Promise<DeletableRegistry> {
  const registry = await DeletableRegistry.start();
  onTestFinished(() => registry.close());
  return registry;
}

function readAll(registry: DeletableRegistry): Promise<FoundRecord[]> {
  const client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(() => {
    client.close();
  });
  return readRecords(client, "space");
}

describe("the records of a registry", () => {
  test("are read by digest, with all their tags, and without what signs them", async () => {
    const registry = await start();
    const first = await pushRecord(registry, repository, record("v1.0.0"));
    const second = await pushRecord(registry, repository, record("v1.1.0"));
    const text = Buffer.from(writeRecord(record("v1.1.0")));
    const again = { type: releaseRecordType, bytes: text };
    const config = { type: "application/vnd.oci.empty.v1+json", bytes: Buffer.from("{}") };
    await pushManifest(
      registry,
      { repository, tag: "newest" },
      {
        config,
        layers: [again],
        artifactType: releaseRecordType,
      },
    );
    await pushIndex(registry, { repository, tag: first.replace(":", "-") });
    expect(await readAll(registry)).toEqual([
      { repository, digest: second, tags: ["newest", "v1.1.0"], record: record("v1.1.0") },
      { repository, digest: first, tags: ["v1.0.0"], record: record("v1.0.0") },
    ]);
  });

  test("are none where nothing was released", async () => {
    expect(await readAll(await start())).toEqual([]);
  });

  test.each<
    [what: string, push: (registry: DeletableRegistry) => Promise<string>, message: string]
  >([
    [
      "an image",
      (registry) => pushImage(registry, { repository, tag: "v1" }, "os"),
      "holds no release record; delete that tag, or push the record again",
    ],
    [
      "a record that does not say where its images are",
      (registry) =>
        pushRecord(registry, repository, {
          ...record("v1"),
          images: { web: { tag: "v1", digest: digestOf("web") } },
        } as unknown as ReleaseRecord),
      "is not as it was written: the path of image web is left out, but must be a path; delete it, and publish or copy the release again",
    ],
    [
      "a record that lists nothing under a name",
      (registry) =>
        pushRecord(registry, repository, {
          ...record("v1"),
          charts: { shop: null },
        } as unknown as ReleaseRecord),
      "is not as it was written: the path of chart shop is left out, but must be a path; delete it, and publish or copy the release again",
    ],
  ])("are refused where one is %s", async (_, push, message) => {
    const registry = await start();
    await push(registry);
    await expect(readAll(registry)).rejects.toThrow(
      new InputError(`${registry.host}/${repository}:v1 ${message}`),
    );
  });
});
