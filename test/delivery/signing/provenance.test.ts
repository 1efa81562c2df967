import { describe, expect, test } from "vitest";
import {
  buildTypes,
  chartProvenance,
  imageProvenance,
  readProvenance,
} from "../../../delivery/signing/provenance.ts";
import { builder, key, source } from "../../commands/release/trusted-shop.ts";

const digest = `sha256:${"a".repeat(64)}`;
const sum = { sha256: "a".repeat(64) };
const encoded = `sha256%3A${"a".repeat(64)}`;
const image = {
  name: "web",
  key,
  platforms: ["linux/amd64"],
  buildArgs: { MODE: "fast" },
  bases: { "python:3": digest, "nginx:1": "" },
  needs: [{ name: "python-base", digest }],
};
const git = {
  uri: `git+https://git.test/shop@${source.commit}`,
  digest: { gitCommit: source.commit },
};

describe("the provenance of", () => {
  test("an image names its sources, its bases and what else decided it, and no time", () => {
    expect(imageProvenance(image, source, builder)).toEqual({
      buildDefinition: {
        buildType: "https://tinyolly.dev/build/image/v1",
        externalParameters: {
          image: "web",
          platforms: ["linux/amd64"],
          buildArgs: { MODE: "fast" },
          source: { repository: "https://git.test/shop", commit: source.commit },
        },
        internalParameters: { key },
        resolvedDependencies: [
          git,
          { uri: "pkg:oci/nginx?repository_url=docker.io%2Flibrary%2Fnginx&tag=1" },
          {
            uri: `pkg:oci/python@${encoded}?repository_url=docker.io%2Flibrary%2Fpython&tag=3`,
            digest: sum,
          },
          { uri: `pkg:oci/python-base@${encoded}`, digest: sum },
        ],
      },
      runDetails: { builder: { id: builder } },
    });
  });

  test("a chart names its images", () => {
    const chart = { name: "shop", key, version: "1.2.3", images: [{ name: "web", digest }] };
    expect(chartProvenance(chart, source, builder).buildDefinition).toEqual({
      buildType: "https://tinyolly.dev/build/chart/v1",
      externalParameters: {
        chart: "shop",
        version: "1.2.3",
        source: { repository: "https://git.test/shop", commit: source.commit },
      },
      internalParameters: { key },
      resolvedDependencies: [git, { uri: `pkg:oci/web@${encoded}`, digest: sum }],
    });
  });

  test("what no commit holds says so, and a clone of nothing has no address", () => {
    const local = { commit: source.commit, time: source.time, dirty: true };
    const { externalParameters, resolvedDependencies } = imageProvenance(
      { name: "web", key, platforms: [], buildArgs: {}, bases: {} },
      local,
      builder,
    ).buildDefinition;
    expect(externalParameters).toMatchObject({ source: { commit: source.commit, dirty: true } });
    expect(resolvedDependencies).toEqual([{ digest: { gitCommit: source.commit } }]);
  });

  test("what is in no repository names none", () => {
    const { externalParameters, resolvedDependencies } = imageProvenance(
      { ...image, bases: {}, needs: [] },
      undefined,
      builder,
    ).buildDefinition;
    expect(externalParameters).not.toHaveProperty("source");
    expect(resolvedDependencies).toEqual([]);
  });
});

describe("reading", () => {
  test("a provenance gives what was written", () => {
    expect(readProvenance(imageProvenance(image, { ...source, dirty: true }, builder))).toEqual({
      buildType: buildTypes.image,
      name: "web",
      key,
      version: undefined,
      platforms: ["linux/amd64"],
      commit: source.commit,
      repository: source.repository,
      dirty: true,
      builder,
    });
  });

  test("anything else gives nothing", () => {
    expect(readProvenance("none")).toEqual({
      buildType: "undefined",
      name: undefined,
      key: undefined,
      version: undefined,
      platforms: [],
      commit: undefined,
      repository: undefined,
      dirty: false,
      builder: undefined,
    });
  });
});
