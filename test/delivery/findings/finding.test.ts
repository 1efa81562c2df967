import { beforeEach, expect, test } from "vitest";
import { type Findings, foundToSave } from "../../../delivery/findings/finding.ts";
import { enterFolderWith } from "../../folders.ts";
import { findingOf, plannedShop } from "../../planned.ts";
import { shopFiles } from "../../shop.ts";

beforeEach(() => {
  enterFolderWith(shopFiles);
});

const findings: Findings = {
  images: new Map([
    ["web", findingOf({ pushes: 2, stays: true })],
    ["api", findingOf({ stays: true })],
  ]),
  charts: new Map([["shop", findingOf({ existing: "sha256:1", since: "v2.1.7" })]]),
  applications: new Map([
    ["shop", { repairs: 1 }],
    ["tools", { repairs: 0 }],
    ["gone", { repairs: 3 }],
  ]),
  release: { pushes: 1 },
};

test("a plan to save holds what is done because of what was found, and nothing of the rest", () => {
  const versions = { line: "v2.1", release: "v2.1.8" };
  expect(foundToSave(findings, plannedShop({ options: { versions } }).now)).toEqual({
    "image web": { pushes: 2 },
    "chart shop": { existing: "sha256:1", since: "v2.1.7" },
    "application shop": { repairs: 1 },
    release: { pushes: 1 },
  });
  expect(foundToSave(findings, plannedShop().now)).not.toHaveProperty("release");
});
