import { describe, expect, test } from "vitest";
import type {
  ApplicationFingerprint,
  ChartFingerprint,
  ImageFingerprint,
} from "../../../delivery/plan/fingerprint.ts";
import {
  type Before,
  type Reason,
  applicationReasons,
  chartReasons,
  imageReasons,
} from "../../../delivery/plan/reasons.ts";

const image: ImageFingerprint = {
  key: "0123456789abcdef",
  tag: "v2.1.x-h0123456789ab",
  recipe: 2,
  sources: { "index.html": "1111", "start.sh": "2222 executable" },
  dockerfile: "3333",
  buildArgs: { COLOUR: "red" },
  bases: { nginx: "sha256:4444" },
  steps: {},
  needs: { base: "5555" },
  settings: { builder: "smith", platforms: ["linux/amd64"], registryCache: false },
};

const chart: ChartFingerprint = {
  key: "0123456789abcdef",
  version: "1.2.3-v2.1.x-h0123456789ab",
  recipe: 1,
  sources: { "values.yaml": "1111" },
  images: { "web.image": "web:v1 0123" },
  settings: { pullFrom: "pull.test:2/shop", pushTls: "verify" },
};

const application: ApplicationFingerprint = {
  revision: "1.2.3-v2.1.x-h0123456789ab",
  settings: { keepSecrets: ["redis"], values: { web: { replicas: 2, port: 80 } } },
};

function ofImage(before: Before<ImageFingerprint>): Reason[] {
  return imageReasons(before, image, { path: "apps/web", dockerfile: "apps/web/Dockerfile" });
}

describe("what changed of an image:", () => {
  test.each<[what: string, before: Partial<ImageFingerprint>, reasons: readonly Reason[]]>([
    ["nothing", {}, []],
    ["the key alone, which its parts decide", { key: "f" }, []],
    [
      "another file",
      { sources: { ...image.sources, "index.html": "9999" } },
      [{ cause: "source", subject: "apps/web/index.html", from: "9999", to: "1111" }],
    ],
    [
      "a file more",
      { sources: { "index.html": "1111" } },
      [{ cause: "source", subject: "apps/web/start.sh", to: "2222 executable" }],
    ],
    [
      "a file less",
      { sources: { ...image.sources, "old/a.html": "9999" } },
      [{ cause: "source", subject: "apps/web/old/a.html", from: "9999" }],
    ],
    [
      "a file that can be executed now",
      { sources: { ...image.sources, "start.sh": "2222" } },
      [
        {
          cause: "source",
          subject: "apps/web/start.sh",
          from: "2222",
          to: "2222 executable",
        },
      ],
    ],
    [
      "the Dockerfile",
      { dockerfile: "9999" },
      [{ cause: "dockerfile", subject: "apps/web/Dockerfile", from: "9999", to: "3333" }],
    ],
    [
      "build arguments",
      { buildArgs: { COLOUR: "blue", SIZE: "1" } },
      [
        { cause: "build-arg", subject: "COLOUR", from: "blue", to: "red" },
        { cause: "build-arg", subject: "SIZE", from: "1" },
      ],
    ],
    [
      "a base image",
      { bases: { nginx: "unlocked" } },
      [{ cause: "base-moved", subject: "nginx", from: "unlocked", to: "sha256:4444" }],
    ],
    [
      "an image that it needs",
      { needs: { base: "9999" } },
      [{ cause: "base-moved", subject: "base", from: "9999", to: "5555" }],
    ],
    [
      "settings, which are told as JSON unless they are text",
      { settings: { ...image.settings, builder: "other", platforms: ["linux/arm64"] } },
      [
        { cause: "settings", subject: "builder", from: "other", to: "smith" },
        {
          cause: "settings",
          subject: "platforms",
          from: '["linux/arm64"]',
          to: '["linux/amd64"]',
        },
      ],
    ],
    [
      "the recipe",
      { recipe: 1 },
      [{ cause: "tool-version", subject: "build recipe", from: "1", to: "2" }],
    ],
    [
      "the tag alone, which a release decides",
      { tag: "v2.1.8" },
      [{ cause: "settings", subject: "release", from: "v2.1.8", to: image.tag }],
    ],
    [
      "the tag with something that explains it",
      { tag: "v2.1.8", dockerfile: "9999" },
      [{ cause: "dockerfile", subject: "apps/web/Dockerfile", from: "9999", to: "3333" }],
    ],
  ])("%s", (_, before, reasons) => {
    expect(ofImage({ ...image, ...before })).toEqual(reasons);
  });

  test("all of it, where there was none", () => {
    expect(ofImage(undefined)).toEqual([{ cause: "first-time", subject: image.tag }]);
  });

  test("files whose names every object of JavaScript knows are as new as others", () => {
    const names = ["__proto__", "constructor", "toString"];
    const sources = Object.fromEntries(names.map((name) => [name, "1111"]));
    const reasons = imageReasons(
      { ...image, sources: {} },
      { ...image, sources },
      { path: "apps/web", dockerfile: "" },
    );
    expect(reasons).toStrictEqual(
      names.map((name) => ({ cause: "source", subject: `apps/web/${name}`, to: "1111" })),
    );
  });

  test("no part that both fingerprints hold, where an older version left parts out", () => {
    const { tag, sources } = image;
    const causes = ofImage({ tag, sources }).map(({ cause }) => cause);
    expect(new Set(causes)).toEqual(
      new Set(["tool-version", "dockerfile", "build-arg", "base-moved", "settings"]),
    );
  });
});

describe("what changed of a chart:", () => {
  test.each<[what: string, before: Before<ChartFingerprint>, reasons: readonly Reason[]]>([
    ["nothing", chart, []],
    ["all of it", undefined, [{ cause: "first-time", subject: chart.version }]],
    [
      "a file",
      { ...chart, sources: { "values.yaml": "9999" } },
      [{ cause: "chart-source", subject: "charts/shop/values.yaml", from: "9999", to: "1111" }],
    ],
    [
      "an image",
      { ...chart, images: { "web.image": "web:v0 9999" } },
      [{ cause: "image-of-chart", subject: "web.image", from: "web:v0 9999", to: "web:v1 0123" }],
    ],
    [
      "a setting",
      { ...chart, settings: { ...chart.settings, pushTls: "plain-http" } },
      [{ cause: "settings", subject: "pushTls", from: "plain-http", to: "verify" }],
    ],
    [
      "the recipe",
      { ...chart, recipe: 0 },
      [{ cause: "tool-version", subject: "chart recipe", from: "0", to: "1" }],
    ],
    [
      "the version alone",
      { ...chart, version: "1.2.3" },
      [{ cause: "settings", subject: "release", from: "1.2.3", to: chart.version }],
    ],
  ])("%s", (_, before, reasons) => {
    expect(chartReasons(before, chart, { path: "charts/shop" })).toEqual(reasons);
  });
});

describe("what changed of an Application:", () => {
  test.each<[what: string, before: Before<ApplicationFingerprint>, reasons: readonly Reason[]]>([
    ["nothing", application, []],
    ["all of it", undefined, [{ cause: "first-time", subject: application.revision }]],
    [
      "the version",
      { ...application, revision: "1.2.2" },
      [
        {
          cause: "chart-of-application",
          subject: "version",
          from: "1.2.2",
          to: application.revision,
        },
      ],
    ],
    [
      "values",
      { ...application, settings: { ...application.settings, values: {} } },
      [
        {
          cause: "settings",
          subject: "values",
          from: "{}",
          to: '{"web":{"replicas":2,"port":80}}',
        },
      ],
    ],
    [
      "nothing but the order of the values' keys",
      {
        ...application,
        settings: { values: { web: { port: 80, replicas: 2 } }, keepSecrets: ["redis"] },
      },
      [],
    ],
  ])("%s", (_, before, reasons) => {
    expect(applicationReasons(before, application)).toEqual(reasons);
  });
});
