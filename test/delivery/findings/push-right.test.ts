import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Finding } from "../../../delivery/findings/finding.ts";
import { type Publishable, requirePushRight } from "../../../delivery/findings/push-right.ts";
import { type FakeRegistry, startRegistry } from "../../fake-registry.ts";
import { enterFolderWith } from "../../folders.ts";
import { findingOf } from "../../planned.ts";
import { planShop, shopEndpoints, shopFiles } from "../../shop.ts";

let registry: FakeRegistry;
let refused: RegExp;

/** Refuses uploads to some repositories, as GHCR does where a token is not for a package. */
beforeEach(async () => {
  enterFolderWith(shopFiles);
  refused = /^$/;
  registry = await startRegistry({
    behaviour: ({ path }, response) => {
      const refuses = refused.test(repositoryOf(path));
      if (refuses) response.writeHead(403).end();
      return refuses;
    },
  });
  onTestFinished(() => registry.close());
});

const repositoryOf = (path: string): string => /^\/v2\/(.*)\/blobs\//.exec(path)?.[1] ?? "";

const missing = findingOf({});
const untagged = findingOf({ stays: true });
const released = findingOf({ stays: true, released: true });

function publishable(
  [web, api, shop, tools]: readonly [Finding, Finding, Finding, Finding],
  release?: { readonly name: string; readonly recorded: boolean },
): Publishable {
  const findings: Publishable["findings"] = {
    images: new Map([
      ["web", web],
      ["api", api],
    ]),
    charts: new Map([
      ["shop", shop],
      ["tools", tools],
    ]),
    release: { pushes: 0, recorded: release?.recorded },
  };
  const endpoints = { ...shopEndpoints, push: registry.host, pushTls: "plain-http" as const };
  return { plan: planShop(), findings, endpoints, release: release?.name };
}

test("where aliases or signatures are lost, each image and the record are tried", async () => {
  const four = [released, released, released, released] as const;
  const { findings, ...asked } = publishable(four, { name: "v2.1.8", recorded: true });
  const release = { ...findings.release, missing: "the alias latest on v2.1.8" };
  await requirePushRight({ ...asked, findings: { ...findings, release } });
  const begun = registry.requests.filter(({ method }) => method === "POST");
  expect(begun.map(({ path }) => repositoryOf(path)).sort()).toEqual([
    "shop/api",
    "shop/releases",
    "shop/web",
  ]);
});

test("a token that may push to one repository and not to others is refused with all of them", async () => {
  refused = /^shop\/(api|charts\/.*)$/;
  const error: unknown = await requirePushRight(
    publishable([missing, missing, missing, missing]),
  ).catch((thrown: unknown) => thrown);
  const [api, shop, tools] = ["api", "charts/shop", "charts/tools"].map(
    (name) => `${registry.host}/shop/${name}`,
  );
  expect(String(error)).toContain(
    `${api}, ${shop}, ${tools} could not be pushed: the registry answered 403 Forbidden`,
  );
  expect(String(error).split("\n")).toHaveLength(1);
});

test.each<[string, Publishable["release"], boolean, readonly Finding[], readonly string[]]>([
  [
    "all that is missing",
    undefined,
    false,
    [missing, untagged, missing, untagged],
    ["charts/shop", "web"],
  ],
  ["nothing where all is there", undefined, false, [untagged, untagged, untagged, untagged], []],
  [
    "an image that lacks the tag of a release, and the record",
    "v2.1.8",
    false,
    [released, untagged, released, released],
    ["api", "releases"],
  ],
  ["a record alone", "v2.1.8", false, [released, released, released, released], ["releases"]],
  ["nothing of a whole release", "v2.1.8", true, [released, released, released, released], []],
])("%s is tried", async (_, name, recorded, findings, repositories) => {
  // Each row has four.
  const four = findings as [Finding, Finding, Finding, Finding];
  await requirePushRight(publishable(four, name === undefined ? undefined : { name, recorded }));
  const begun = registry.requests.filter(({ method }) => method === "POST");
  expect(begun.map(({ path }) => repositoryOf(path)).sort()).toEqual(
    repositories.map((repository) => `shop/${repository}`),
  );
});
