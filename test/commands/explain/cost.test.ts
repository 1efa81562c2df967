import { expect, test } from "vitest";
import type { ExplainedBuild } from "../../../commands/explain/build.ts";
import { type EarlierBuilds, withCost } from "../../../commands/explain/cost.ts";
import { readLayers } from "../../../delivery/findings/image-layers.ts";
import type { Descriptor, Manifest } from "../../../delivery/registry/types.ts";

const build: ExplainedBuild = {
  sameDigest: false,
  steps: [
    { name: "build: RUN make", fate: "runs", files: [] },
    { name: "stage-1: COPY conf /etc", fate: "unchanged", files: [] },
    { name: "stage-1: COPY --from=build /dist /srv", fate: "open", files: [] },
  ],
};
const layers = ["stage-1: COPY conf /etc", "stage-1: COPY --from=build /dist /srv"];
const image = { steps: { steps: [], layers, result: "" } };

const earlier: EarlierBuilds = {
  seconds: new Map([
    ["build: RUN make", 4],
    ["stage-1: COPY --from=build /dist /srv", 0.25],
    ["exporting to image", 0.5],
  ]),
  pulled: {
    rest: 1000,
    layers: [
      { madeBy: "ADD root.tar / # buildkit", bytes: 30_000_000 },
      { madeBy: "COPY conf /etc # buildkit", bytes: 200 },
      { madeBy: "COPY /dist /srv # buildkit", bytes: 5000 },
    ],
  },
};

test("a build takes the seconds of its steps and of the export, and nodes pull the layers that change", () => {
  expect(withCost(build, image, earlier)).toEqual({ ...build, seconds: 4.8, bytes: 6000 });
});

test("what is not known of one step is not known of all", () => {
  const seconds = new Map([["build: RUN make", 4]]);
  expect(withCost(build, image, { seconds })).toEqual(build);
});

test("layers that were made by other instructions tell nothing", () => {
  const [base, ...rest] = earlier.pulled?.layers ?? [];
  const other = {
    rest: 1000,
    layers: [base, { madeBy: "RUN x", bytes: 1 }, rest[1]].flatMap((one) => one ?? []),
  };
  expect(withCost(build, image, { ...earlier, pulled: other }).bytes).toBeUndefined();
  const few = { rest: 1000, layers: rest.slice(1) };
  expect(withCost(build, image, { ...earlier, pulled: few }).bytes).toBeUndefined();
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
      { madeBy: "COPY a", bytes: 10 },
      { madeBy: "RUN c", bytes: 20 },
    ],
    rest: "manifest".length + config.length,
  };
  expect(await readLayers(client, "shop/web", "index", "linux/amd64")).toEqual(pulled);
  expect(await readLayers(client, "shop/web", "amd64", "linux/amd64")).toEqual(pulled);
  expect(await readLayers(client, "shop/web", "none", "linux/amd64")).toBeUndefined();
});
