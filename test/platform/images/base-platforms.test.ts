import { join } from "node:path";
import { expect, test } from "vitest";
import { deliverables } from "../../../deliverables.ts";
import type { ImageDeliverable } from "../../../delivery/plan/plan.ts";
import { basePlatforms } from "../../../platform/images/base-platforms.ts";
import { project } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

const platforms = ["linux/amd64", "linux/arm64"];

/** Platforms of each base of one Dockerfile. */
function needed(lines: readonly string[], needs: readonly string[] = []): unknown {
  const folder = folderWith({ Dockerfile: lines.join("\n") });
  const images = { app: { path: folder, needs } };
  return Object.fromEntries(
    [...basePlatforms(images, "linux/amd64", platforms)].map(([base, set]) => [base, [...set]]),
  );
}

test.each<[string, readonly string[], unknown]>([
  ["that the result starts from", ["FROM a"], { a: platforms }],
  ["for the platform of the result", ["FROM --platform=$TARGETPLATFORM a"], { a: platforms }],
  ["that builds", ["FROM --platform=$BUILDPLATFORM a"], { a: ["linux/amd64"] }],
  ["that builds, in braces", ["FROM --platform=${BUILDPLATFORM} a"], { a: ["linux/amd64"] }],
  ["of one platform", ["FROM --platform=linux/s390x a"], { a: ["linux/s390x"] }],
  [
    "that does both",
    ["FROM --platform=$BUILDPLATFORM a AS b", "FROM a", "COPY --from=b /x /x"],
    { a: platforms },
  ],
  [
    "from which is copied",
    ["FROM --platform=$BUILDPLATFORM a", "COPY --from=c /x /x"],
    { a: ["linux/amd64"], c: platforms },
  ],
  [
    "that has a name for each platform",
    ["FROM a-$TARGETARCH"],
    { "a-amd64": ["linux/amd64"], "a-arm64": ["linux/arm64"] },
  ],
  [
    "that reads the Dockerfile",
    ["# syntax=docker/dockerfile:1", "FROM scratch"],
    { "docker/dockerfile:1": ["linux/amd64"] },
  ],
])("a base %s is needed there", (_, lines, expected) => {
  expect(needed(lines)).toEqual(expected);
});

test("an image of ours is no base", () => {
  expect(needed(["FROM base AS test", "FROM base"], ["base"])).toEqual({});
});

test("of the bases of this checkout, what only builds is needed for the build", () => {
  const images = Object.entries(deliverables.images).map(
    ([name, image]): [string, ImageDeliverable] => [
      name,
      { ...image, path: join(project, image.path) },
    ],
  );
  const bases = basePlatforms(Object.fromEntries(images), "linux/amd64", platforms);
  expect(Object.fromEntries([...bases].map(([base, set]) => [base, [...set]]))).toEqual({
    "golang:1.26-alpine": ["linux/amd64"],
    "node:24-alpine": ["linux/amd64"],
    "nginx:1.30-alpine": platforms,
    "python:3.14-slim": platforms,
  });
});
