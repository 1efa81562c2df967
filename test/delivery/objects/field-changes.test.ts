import { expect, test } from "vitest";
import { fieldChanges, openChanges } from "../../../delivery/objects/field-changes.ts";

test.each<[what: string, before: unknown, after: unknown, changes: readonly unknown[]]>([
  ["nothing", { a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, []],
  ["a null, which is nothing", { a: null }, {}, []],
  ["a value", { a: { b: 1 } }, { a: { b: 2 } }, [{ path: "a.b", from: 1, to: 2 }]],
  ["a new one", {}, { a: 1 }, [{ path: "a", to: 1 }]],
  ["one that is gone", { a: 1 }, {}, [{ path: "a", from: 1 }]],
  ["a key with dots", { l: { "a.b/c": 1 } }, { l: {} }, [{ path: 'l["a.b/c"]', from: 1 }]],
  ["another type", { a: "1" }, { a: 1 }, [{ path: "a", from: "1", to: 1 }]],
  [
    "an entry with a name",
    [{ name: "a", x: 1 }, { name: "b" }],
    [{ name: "a", x: 2 }, { name: "b" }],
    [{ path: "[a].x", from: 1, to: 2 }],
  ],
  [
    "a new entry with a name",
    [{ name: "a" }],
    [{ name: "a" }, { name: "b" }],
    [{ path: "[b]", to: { name: "b" } }],
  ],
  [
    "the order of entries",
    { a: [{ name: "a" }, { name: "b" }] },
    { a: [{ name: "b" }, { name: "a" }] },
    [
      { path: "a[0].name", from: "a", to: "b" },
      { path: "a[1].name", from: "b", to: "a" },
    ],
  ],
  ["the length of a list", { a: [1] }, { a: [1, 2] }, [{ path: "a", from: [1], to: [1, 2] }]],
])("tells of %s", (_, before, after, changes) => {
  expect(fieldChanges(before, after)).toEqual(changes);
});

test("what two possible futures do not share is open", () => {
  const [before, after, other] = ["1", "2", "3"].map((digest) => ({
    image: `web@${digest}`,
    replicas: digest === "1" ? 1 : 2,
  }));
  expect(openChanges(before, after, other)).toEqual([
    { path: "image", from: "web@1", to: "web@2", open: true },
    { path: "replicas", from: 1, to: 2 },
  ]);
});
