import { expect, test } from "vitest";
import { applicationRoots } from "../../../commands/gc/application-roots.ts";
import { digestOf } from "./random-graph.ts";

const repoURL = "oci://in-cluster.test:5000/space/charts/shop";
const [one, two] = [digestOf("one"), digestOf("two")];

function source(targetRevision?: string, more = {}): unknown {
  return { repoURL, path: ".", ...(targetRevision !== undefined && { targetRevision }), ...more };
}

test.each<[what: string, application: unknown, found: readonly string[]]>([
  ["the wanted version", { spec: { source: source("0.2.0") } }, ["space/charts/shop:0.2.0"]],
  [
    "the versions of several sources",
    {
      spec: {
        sources: [
          source("0.2.0"),
          { repoURL: "r.test/space", chart: "tools", targetRevision: "1.0.0" },
        ],
      },
    },
    ["space/charts/shop:0.2.0", "space/tools:1.0.0"],
  ],
  [
    "the version that was synced, and what it was compared with",
    {
      spec: { source: source("0.2.0") },
      status: { sync: { revision: one, comparedTo: { source: source("0.1.0") } } },
    },
    ["space/charts/shop:0.2.0", "space/charts/shop:0.1.0", `space/charts/shop@${one}`, `@${one}`],
  ],
  [
    "each entry of the history, to which it can be rolled back",
    {
      spec: { source: source("0.3.0") },
      status: {
        history: [
          { id: 0, revision: one, source: source("0.1.0") },
          { id: 1, revisions: [two, "0.2.1"], sources: [source("0.2.0"), source("0.2.1")] },
        ],
      },
    },
    [
      "space/charts/shop:0.3.0",
      "space/charts/shop:0.1.0",
      `space/charts/shop@${one}`,
      "space/charts/shop:0.2.0",
      `space/charts/shop@${two}`,
      "space/charts/shop:0.2.1",
      "space/charts/shop:0.2.1",
      `@${one}`,
      `@${two}`,
    ],
  ],
  [
    "what it is syncing now, by the source of its spec where it names none",
    {
      spec: { source: source("0.2.0") },
      operation: { sync: { revision: "0.1.5" } },
      status: {
        operationState: {
          operation: { sync: { revision: "0.1.4" } },
          syncResult: { revision: one, source: source("0.1.3") },
        },
      },
    },
    [
      "space/charts/shop:0.2.0",
      "space/charts/shop:0.1.3",
      `space/charts/shop@${one}`,
      "space/charts/shop:0.2.0",
      "space/charts/shop:0.1.4",
      "space/charts/shop:0.2.0",
      "space/charts/shop:0.1.5",
      `@${one}`,
    ],
  ],
  [
    "the images that run, and those of its values",
    {
      spec: { source: source("0.2.0", { helm: { valuesObject: { web: { digest: two } } } }) },
      status: { summary: { images: [`pull.test/space/web:v1@${one}`, "redis:8"] } },
    },
    ["space/charts/shop:0.2.0", `@${two}`, `@${one}`, "space/web:v1"],
  ],
  ...["1.x", ">=1.2 <2", "~0.1", "*", "0.1.X", ""].map(
    (range): [string, unknown, readonly string[]] => [
      `all versions for the range "${range}"`,
      { spec: { source: source(range) } },
      ["space/charts/shop"],
    ],
  ),
  ["all versions where the newest is taken", { spec: { source: source() } }, ["space/charts/shop"]],
  ...["0.2.0-v2.1.x-h0123456789ab", "v1", "latest", "1.2"].map(
    (version): [string, unknown, readonly string[]] => [
      `the one version ${version}`,
      { spec: { source: source(version) } },
      [`space/charts/shop:${version}`],
    ],
  ),
  [
    "the tag of a version that tags cannot hold",
    { spec: { source: source("1.0.0+build") } },
    ["space/charts/shop:1.0.0_build"],
  ],
  ...["https://charts.test/space", "git@git.test:space/shop.git", "ssh://git.test/space"].map(
    (url): [string, unknown, readonly string[]] => [
      `nothing of ${url}`,
      { spec: { source: { repoURL: url, chart: "shop", targetRevision: "*" } } },
      [],
    ],
  ),
  ["nothing of what is no Application", "text", []],
  ["nothing of an Application without anything", { metadata: { name: "shop" } }, []],
])("an Application keeps %s", (_, application, found) => {
  const roots = applicationRoots(application, "us");
  expect(roots.every(({ by }) => by === "us")).toBe(true);
  const names = roots.map(({ repository = "", reference }) => {
    if (reference === undefined) return repository;
    return `${repository}${reference.includes(":") ? "@" : ":"}${reference}`;
  });
  expect(new Set(names)).toEqual(new Set(found));
});
