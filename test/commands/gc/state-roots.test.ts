import { beforeEach, describe, expect, test } from "vitest";
import { findGarbage, type RepositoryContent } from "../../../commands/gc/garbage.ts";
import { pushedRepositories, stateRoots } from "../../../commands/gc/state-roots.ts";
import type { StateResource } from "../../../delivery/findings/recorded.ts";
import { enterFolderWith } from "../../folders.ts";
import { digestOf as recordDigest, plannedShop, stateAfter } from "../../planned.ts";
import { shopFiles } from "../../shop.ts";
import { digestOf } from "./random-graph.ts";

const [one, two] = [digestOf("one"), digestOf("two")];
const tags = ["push.test:1/shop/web:v1"];
const request = { pushFolder: "oci://push.test:1/shop/charts", version: "0.1.0", key: "0" };

function resource(type: string, fields: Partial<StateResource>): StateResource {
  return { urn: `urn:pulumi:test::shop::tinyolly:index:Chart$${type}::web`, type, ...fields };
}

function names(resources: readonly StateResource[]): string[] {
  const roots = stateRoots("test", resources);
  expect(roots.every(({ by }) => by === "stack test")).toBe(true);
  return roots
    .map(({ repository = "", reference = "all" }) => `${repository} ${reference}`)
    .filter((name, index, all) => all.indexOf(name) === index);
}

describe("a state keeps", () => {
  test.each<[what: string, resources: readonly StateResource[], found: readonly string[]]>([
    [
      "an image by tag and digest",
      [resource("docker-build:index:Image", { inputs: { tags }, outputs: { tags, digest: one } })],
      [` ${one}`, "shop/web v1"],
    ],
    [
      "an image that was being pushed",
      [resource("docker-build:index:Image", { inputs: { tags } })],
      ["shop/web v1"],
    ],
    [
      "both where a replacement left something behind",
      [two, one].map((digest) =>
        resource("docker-build:index:Image", {
          outputs: { tags: [`a.test/shop/web:${digest.slice(7, 9)}`], digest },
        }),
      ),
      [` ${two}`, `shop/web ${two.slice(7, 9)}`, ` ${one}`, `shop/web ${one.slice(7, 9)}`],
    ],
    [
      "a chart by version and digest, and the images in it",
      [
        resource("command:local:Command", {
          inputs: {},
          outputs: {
            stdin: JSON.stringify({ ...request, images: { image: { digest: two } } }),
            stdout: JSON.stringify({ digest: one }),
          },
        }),
      ],
      [` ${two}`, ` ${one}`, "shop/charts/web 0.1.0"],
    ],
    [
      "a chart that was being pushed",
      [resource("command:local:Command", { inputs: { stdin: JSON.stringify(request) } })],
      ["shop/charts/web 0.1.0"],
    ],
    [
      "the chart of an Application",
      [
        resource("kubernetes:argoproj.io/v1alpha1:Application", {
          outputs: {
            spec: { source: { repoURL: "oci://c.test/shop/charts/web", targetRevision: "0.2.0" } },
          },
        }),
      ],
      ["shop/charts/web 0.2.0"],
    ],
    [
      "what the stack puts out",
      [
        resource("pulumi:pulumi:Stack", {
          outputs: {
            images: { web: { repository: "pull.test/shop/web", tag: "v1", digest: one } },
          },
        }),
      ],
      [` ${one}`, "shop/web v1"],
    ],
    ["nothing of others", [resource("random:index:Pet", { inputs: { length: 2 } })], []],
  ])("%s", (_, resources, found) => {
    expect(names(resources)).toEqual(found);
  });
});

test("a state says where its images and charts were pushed, and nothing of what it only mentions", () => {
  const resources = [
    resource("docker-build:index:Image", { inputs: { tags } }),
    resource("command:local:Command", { inputs: { stdin: JSON.stringify(request) } }),
    resource("pulumi:pulumi:Stack", { outputs: { reference: "r.test/other/web:v1" } }),
  ];
  expect(pushedRepositories(resources)).toEqual(["shop/web", "shop/charts/web"]);
});

describe("the state that up leaves", () => {
  beforeEach(() => {
    enterFolderWith({ ...shopFiles, "package.json": '{"version": "2.1.0"}' });
  });

  test("keeps every image and chart of the plan in a registry that holds others too", () => {
    const planned = plannedShop();
    const { images, charts } = planned.plan;
    const published = [
      ...images.map(({ name, tag }) => ({ repository: `shop/${name}`, tag, name })),
      ...charts.map(({ name, version }) => ({
        repository: `shop/charts/${name}`,
        tag: version,
        name,
      })),
    ];
    const { now } = planned;
    const contents = published.map(({ repository, tag, name }): RepositoryContent => {
      const record = repository.includes("/charts/") ? now.charts[name] : now.images[name];
      const digest = recordDigest(record);
      const other = digestOf(repository);
      return {
        repository,
        tags: new Map([
          [tag, digest],
          ["old", other],
        ]),
        manifests: new Map(
          [digest, other].map((each) => [each, { children: [], blobs: new Map() }]),
        ),
      };
    });
    const { kept, deletions } = findGarbage(
      contents,
      stateRoots("test", stateAfter(planned)),
      true,
    );
    expect(kept.map(({ repository, tags: own }) => [repository, ...own])).toEqual(
      published.map(({ repository, tag }) => [repository, tag]),
    );
    expect(deletions.map(({ tags: own }) => own)).toEqual(published.map(() => ["old"]));
  });
});
