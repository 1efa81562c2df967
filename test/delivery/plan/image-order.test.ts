import { describe, expect, test } from "vitest";
import { inOrderOfNeed } from "../../../delivery/plan/image-order.ts";
import { seededRandom } from "../../random.ts";

type Images = Parameters<typeof inOrderOfNeed>[0];

function order(images: Images): { ordered: string[]; problems: string[] } {
  const problems: string[] = [];
  return { ordered: inOrderOfNeed(images, problems), problems };
}

test("images without needs stay in the order in which they are listed", () => {
  expect(order({ b: {}, a: { needs: [] }, c: {} })).toEqual({
    ordered: ["b", "a", "c"],
    problems: [],
  });
});

test("an image comes after those that it needs, and each comes once", () => {
  const images = { app: { needs: ["tools", "base"] }, tools: { needs: ["base"] }, base: {} };
  expect(order(images)).toEqual({ ordered: ["base", "tools", "app"], problems: [] });
});

test("in random catalogs every image comes after all that it needs", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed);
    const names = Array.from({ length: 12 }, (_, i) => `image-${i}`);
    // Needs of names before make a catalog without circles.
    const needs = new Map(
      names.map((name, i) => [name, i === 0 ? [] : [random.pick(names.slice(0, i))]]),
    );
    const listed = random.shuffle(names);
    const images = Object.fromEntries(
      listed.map((name) => [name, { needs: needs.get(name) ?? [] }]),
    );
    const { ordered, problems } = order(images);
    expect(problems).toEqual([]);
    expect([...ordered].sort()).toEqual([...names].sort());
    for (const name of names)
      for (const need of needs.get(name) ?? [])
        expect(ordered.indexOf(need), `seed ${seed}`).toBeLessThan(ordered.indexOf(name));
  }
});

describe("wrong needs are named, and the other images are kept:", () => {
  test.each<[string, Images, string, string[]]>([
    [
      "an image that there is not",
      { app: { needs: ["bass"] }, base: {} },
      'image "app" needs "bass"; deliverables.ts has app, base',
      ["base"],
    ],
    [
      "a name that every object has",
      { app: { needs: ["toString"] } },
      'image "app" needs "toString"; deliverables.ts has app',
      [],
    ],
    [
      "an image that needs itself",
      { app: { needs: ["app"] }, base: {} },
      "images need each other in a circle: app → app; take one of these needs out of deliverables.ts",
      ["base"],
    ],
    [
      "a circle, without the images that lead to it",
      {
        app: { needs: ["a"] },
        a: { needs: ["b"] },
        b: { needs: ["c"] },
        c: { needs: ["a"] },
        d: {},
      },
      "images need each other in a circle: a → b → c → a; take one of these needs out of deliverables.ts",
      ["d"],
    ],
  ])("%s", (_, images, problem, ordered) => {
    const found = order(images);
    expect(found.problems[0]).toBe(problem);
    expect(found.ordered).toEqual(ordered);
  });
});
