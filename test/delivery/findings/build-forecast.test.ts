import { expect, test } from "vitest";
import { type EarlierBuilds, forecastBuild } from "../../../delivery/findings/build-forecast.ts";
import { readLayers } from "../../../delivery/findings/image-layers.ts";
import type { BuildStep } from "../../../delivery/plan/build-steps.ts";
import type { Descriptor, Manifest } from "../../../delivery/registry/types.ts";

const step = (name: string, own: string, after?: string, takes: string[] = []): BuildStep => ({
  ...{ name, own, chain: `${own} of all`, after, takes, files: ["main.c"], open: false },
});

const [make, conf, copy] = [
  "build: RUN make",
  "stage-1: COPY conf /etc",
  "stage-1: COPY --from=build /dist /srv",
];
const steps = [step(conf, "1"), step(make, "2"), step(copy, "3", conf, [make])];
const image = { steps: { steps, layers: [conf, copy], result: "now" } };
const recorded = { steps: { [conf]: "1", [make]: "other", [copy]: "3" }, result: "before" };

const earlier: EarlierBuilds = {
  builder: {
    seconds: new Map([
      [conf, 0.1],
      [make, 4],
      [copy, 0.25],
    ]),
    rest: 0.5,
    knows: (hash) => hash === "3",
    holds: () => undefined,
  },
  pulled: {
    rest: 1000,
    layers: [
      { digest: "a", madeBy: "ADD root.tar / # buildkit", bytes: 30_000_000 },
      { digest: "b", madeBy: "COPY conf /etc # buildkit", bytes: 200 },
      { digest: "c", madeBy: "COPY /dist /srv # buildkit", bytes: 5000 },
    ],
  },
};

const fates = [
  { name: conf, fate: "unchanged", files: [] },
  { name: make, fate: "runs", files: ["main.c"] },
  { name: copy, fate: "open", files: [] },
];
const changed = new Set(["main.c"]);

test("a build takes the seconds of its steps and of the rest, and nodes pull the layers that change", () => {
  const forecast = forecastBuild(image, recorded, earlier, changed);
  expect(forecast?.steps.map(({ fate }) => fate)).toEqual(fates.map(({ fate }) => fate));
  expect(forecast?.steps[1]).toEqual(fates[1]);
  expect(forecast).toMatchObject({ sameDigest: false, seconds: 4.8, bytes: 6000, openBytes: 5000 });
});

test("a layer that the builder has is pulled all the same, where the image of before had another one", () => {
  const back = { steps: { [conf]: "other", [make]: "2", [copy]: "3" }, result: "before" };
  const builder = earlier.builder && { ...earlier.builder, holds: () => true };
  const forecast = forecastBuild(image, back, { ...earlier, builder });
  expect(forecast?.steps.map(({ fate }) => fate)).toEqual(Array(3).fill("unchanged"));
  expect(forecast).toMatchObject({ bytes: 1200 });
  expect(forecast).not.toHaveProperty("openBytes");
});

test("only the build tells what a command gives on another base, or when it runs again", () => {
  const command = "stage-1: RUN install";
  const on = [step(conf, "1"), step(command, "3", conf)];
  const plan = { steps: { steps: on, layers: [conf, command], result: "now" } };
  const [root, first, last] = earlier.pulled?.layers ?? [];
  const layers = [root, first, last && { ...last, madeBy: "RUN install" }].flatMap(
    (one) => one ?? [],
  );
  const pulled = { rest: 1000, layers };
  const otherBase = { steps: { [conf]: "other", [command]: "3" }, result: "before" };
  expect(forecastBuild(plan, otherBase, { pulled })).toMatchObject({
    bytes: 6200,
    openBytes: 5000,
  });
  const pruned = { steps: { [conf]: "1", [command]: "3" }, result: "now" };
  const builder = earlier.builder && { ...earlier.builder, holds: () => false };
  expect(forecastBuild(plan, pruned, { pulled, builder })).toMatchObject({
    bytes: 6000,
    openBytes: 5000,
  });
  const edited = { steps: { [conf]: "1", [command]: "other" }, result: "before" };
  expect(forecastBuild(plan, edited, { pulled })).not.toHaveProperty("openBytes");
});

test("steps beside each other take as long as the longest of them", () => {
  const everything = { steps: {}, result: "before" };
  expect(forecastBuild(image, everything, earlier)?.seconds).toBe(4.8);
  const slow = new Map([...(earlier.builder?.seconds ?? []), [conf, 6]] as const);
  const builder = earlier.builder && { ...earlier.builder, seconds: slow };
  expect(forecastBuild(image, everything, { builder })?.seconds).toBe(6.8);
});

test("a layer of the same files is pulled once, though its step runs again", () => {
  const more = { steps: { [conf]: "other", [make]: "2", [copy]: "3" }, result: "before" };
  const copies = [step(conf, "1"), step(copy, "3", conf)];
  const copied = { steps: { ...image.steps, steps: copies } };
  const forecast = forecastBuild(copied, more, { pulled: earlier.pulled });
  expect(forecast?.steps.map(({ fate }) => fate)).toEqual(["runs", "runs"]);
  expect(forecast?.bytes).toBe(1200);
});

test("what is not known of one step is not known of all", () => {
  const builder = earlier.builder && { ...earlier.builder, seconds: new Map([[make, 4]]) };
  expect(forecastBuild(image, recorded, { builder })).not.toHaveProperty("seconds");
  expect(forecastBuild(image, recorded)).not.toHaveProperty("bytes");
  expect(forecastBuild(image, { result: "now" }, earlier)).toBeUndefined();
});

test("the digest stays where nothing that decides the image changes, unless steps have to run again", () => {
  const same = { steps: { [conf]: "1", [make]: "2", [copy]: "3" }, result: "now" };
  const kept = forecastBuild(image, same, earlier);
  expect(kept).toMatchObject({ sameDigest: true });
  expect(kept).not.toHaveProperty("bytes");
  const builder = earlier.builder && { ...earlier.builder, holds: () => false };
  expect(forecastBuild(image, same, { builder })).toMatchObject({ sameDigest: false });
});

test("layers that were made by other instructions tell nothing", () => {
  const [base, ...rest] = earlier.pulled?.layers ?? [];
  const other = {
    rest: 1000,
    layers: [base, { digest: "d", madeBy: "RUN x", bytes: 1 }, rest[1]].flatMap((one) => one ?? []),
  };
  expect(forecastBuild(image, recorded, { pulled: other })).not.toHaveProperty("bytes");
  const few = { rest: 1000, layers: rest.slice(1) };
  expect(forecastBuild(image, recorded, { pulled: few })).not.toHaveProperty("bytes");
});

test("the layers of one platform are read, with what made them", async () => {
  const history = [
    { created_by: "COPY a" },
    { created_by: "ENV b", empty_layer: true },
    { created_by: "RUN c" },
  ];
  const config = Buffer.from(JSON.stringify({ history }));
  const blob = (digest: string, size: number): Descriptor => ({ mediaType: "", digest, size });
  const common = { mediaType: "", children: [], annotations: {}, size: 0 };
  const manifests: Readonly<Record<string, Manifest>> = {
    index: {
      ...common,
      ...{ digest: "index", bytes: Buffer.from("index"), layers: [], blobs: [] },
      children: [{ digest: "amd64", platform: "linux/amd64", descriptor: blob("amd64", 1) }],
    },
    amd64: {
      ...common,
      ...{
        digest: "amd64",
        bytes: Buffer.from("manifest"),
        layers: ["x", "y"],
        config: blob("c", 1),
      },
      blobs: [blob("c", 1), blob("x", 10), blob("y", 20)],
    },
  };
  const client = {
    getManifest: (_: string, reference: string) => Promise.resolve(manifests[reference]),
    getBlob: () => Promise.resolve(config),
  };
  const pulled = {
    layers: [
      { digest: "x", madeBy: "COPY a", bytes: 10 },
      { digest: "y", madeBy: "RUN c", bytes: 20 },
    ],
    rest: "manifest".length + config.length,
  };
  expect(await readLayers(client, "shop/web", "index", "linux/amd64")).toEqual(pulled);
  expect(await readLayers(client, "shop/web", "amd64", "linux/amd64")).toEqual(pulled);
  expect(await readLayers(client, "shop/web", "none", "linux/amd64")).toBeUndefined();
});
