import { chmodSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { chartFingerprint, imageFingerprint } from "../../../delivery/plan/fingerprint.ts";
import { recipes } from "../../../delivery/plan/recipes.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";
import { named, planShop, shop, shopFiles, shopOptions, shopPublishing } from "../../shop.ts";

const short = (path: string): string => sha256(shopFiles[path] ?? "").slice(0, 12);
const digest = `sha256:${"1".repeat(64)}`;

beforeEach(() => {
  enterFolderWith(shopFiles);
});

describe("the fingerprint of an image", () => {
  test("holds each part that decides it, short enough to be read", () => {
    chmodSync("apps/web/scripts/start.sh", 0o755);
    symlinkSync("index.html", "apps/web/home.html");
    const web = named(planShop().images, "web");
    expect(imageFingerprint(web, shopPublishing)).toEqual({
      key: web.key,
      tag: web.tag,
      recipe: recipes.image,
      sources: {
        Dockerfile: short("apps/web/Dockerfile"),
        "home.html": `${sha256("index.html").slice(0, 12)} link`,
        "index.html": short("apps/web/index.html"),
        "scripts/start.sh": `${short("apps/web/scripts/start.sh")} executable`,
      },
      dockerfile: short("apps/web/Dockerfile"),
      buildArgs: {},
      bases: { nginx: "unlocked" },
      needs: {},
      steps: {
        "FROM nginx": expect.stringMatching(/^[0-9a-f]{12}$/) as string,
        "stage-1: COPY . /srv": expect.stringMatching(/^[0-9a-f]{12}$/) as string,
      },
      settings: {
        builder: "smith",
        platforms: ["linux/amd64"],
        pushTo: "push.test:1/shop/web",
        pushTls: "insecure",
        registryCache: false,
        target: "",
      },
    });
  });

  test("holds the locked digests of bases, the keys of needed images, arguments and target", () => {
    writeFiles(".", { "apps/api/Dockerfile": "ARG A\nFROM web AS last\nCOPY --from=nginx / /\n" });
    const api = { path: "apps/api", needs: ["web"], buildArgs: { A: "1" }, target: "last" };
    const deliverables = { ...shop, images: { ...shop.images, api } };
    const plan = planShop(deliverables, { ...shopOptions, bases: new Map([["nginx", digest]]) });
    expect(imageFingerprint(named(plan.images, "api"), shopPublishing)).toMatchObject({
      buildArgs: { A: "1" },
      bases: { nginx: digest },
      needs: { web: named(plan.images, "web").key.slice(0, 12) },
      settings: { target: "last" },
    });
  });
});

test("the fingerprint of a chart holds each part that decides it", () => {
  const { images, charts } = planShop();
  const [web, api] = [named(images, "web"), named(images, "api")];
  const chart = named(charts, "shop");
  expect(chartFingerprint(chart, shopPublishing)).toEqual({
    key: chart.key,
    version: chart.version,
    recipe: recipes.chart,
    sources: Object.fromEntries(
      ["Chart.yaml", "templates/web.yaml", "values.yaml"].map((path) => [
        path,
        short(`charts/shop/${path}`),
      ]),
    ),
    images: {
      "web.image": `web ${web.key.slice(0, 12)}`,
      "api.image": `api ${api.key.slice(0, 12)}`,
    },
    settings: {
      pullFrom: "pull.test:2/shop",
      pushTo: "oci://push.test:1/shop/charts/shop",
      pushTls: "skip-verify",
    },
  });
});

test("fingerprints are the same after a state has kept them as JSON", () => {
  const { images, charts } = planShop();
  const fingerprints = [
    ...images.map((image) => imageFingerprint(image, shopPublishing)),
    ...charts.map((chart) => chartFingerprint(chart, shopPublishing)),
  ];
  expect(JSON.parse(JSON.stringify(fingerprints))).toStrictEqual(fingerprints);
});

test("a file named __proto__ is kept by what copies properties one by one", () => {
  writeFiles(".", { "apps/web/__proto__": "odd" });
  const { sources } = imageFingerprint(named(planShop().images, "web"), shopPublishing);
  const copy: Record<string, string> = {};
  for (const [path, mark] of Object.entries(sources)) copy[path] = mark;
  expect(copy).toEqual(sources);
  expect(copy["./__proto__"]).toBe(sha256("odd").slice(0, 12));
});
