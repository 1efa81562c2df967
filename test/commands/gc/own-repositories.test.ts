import { expect, test } from "vitest";
import { findOwnRepositories } from "../../../commands/gc/own-repositories.ts";
import type { Store } from "../../../commands/gc/store.ts";

const never = (): never => {
  throw new Error("nobody asks");
};

/** A registry that holds tags by repository, and names those repositories. */
function storeOf(held: Readonly<Record<string, readonly string[]>>): Store {
  return {
    deletesTags: true,
    afterwards: "",
    repositories: () => Promise.resolve(Object.keys(held)),
    tags: (repository) =>
      Promise.resolve(new Map(held[repository]?.map((tag) => [tag, "sha256:0"] as const))),
    justPushed: never,
    manifests: never,
    remove: never,
  };
}

const key = "h0123456789ab";

test("own repositories are those to which the project pushes, and others with tags that only it makes", async () => {
  const store = storeOf({
    "space/web": ["v1"],
    "space/releases": ["v1"],
    "space/charts/web": ["0.1.0"],
    "space/formerly": ["v1", `v2.1.x-${key}`],
    "space/charts/formerly": [`0.1.0-v2.1.x-${key}`],
    "space/blog": ["v1", "latest", `v2.1.x-${key}0`, "v2.1.x-hello"],
    "space/dev/web": [`v2.1.x-${key}`],
    "space/charts/dev/web": [`v2.1.x-${key}`],
  });
  const pushed = ["space/web", "space/gone", "space/charts/web", "space/releases", "space/dev/web"];
  const { tags, foreign } = await findOwnRepositories(store, "space", [...pushed, "other/web"]);
  expect([...tags.keys()]).toEqual([
    "space/releases",
    "space/charts/formerly",
    "space/charts/web",
    "space/formerly",
    "space/gone",
    "space/web",
  ]);
  expect(foreign).toEqual(["space/blog"]);
});
