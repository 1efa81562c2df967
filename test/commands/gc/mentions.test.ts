import { describe, expect, test } from "vitest";
import { mentions, repositoryPath } from "../../../commands/gc/mentions.ts";
import { digestOf } from "./random-graph.ts";

const [one, two] = [digestOf("one"), digestOf("two")];

describe("mentioned are", () => {
  test.each<[what: string, value: unknown, found: readonly string[]]>([
    ["digests, each once, wherever they are", [one, { a: `x@${two},y@${one}` }], [one, two]],
    ["digests in texts that are JSON themselves", JSON.stringify({ image: [one] }), [one]],
    ["no digests that are cut off", one.slice(0, 70), []],
    ["references with a host", "ghcr.io/space/web:v1", ["space/web:v1"]],
    [
      "references of charts",
      "oci://r.test:5000/space/charts/web:0.1.0-x",
      ["space/charts/web:0.1.0-x"],
    ],
    [
      "both of a reference with tag and digest",
      `localhost:5/space/web:v1@${one}`,
      [one, "space/web:v1"],
    ],
    ["references with an address as host", "[::1]:5000/space/web:v1", ["space/web:v1"]],
    ["no other texts with a colon", ["v1: a change", "https://a.test/b", "a:b", "10:30"], []],
    [
      "tags beside repositories",
      { image: { repository: "r.test/space/web", tag: "v1", digest: one } },
      [one, "space/web:v1"],
    ],
    ["tags that are numbers", [{ repository: "space/web", tag: 7 }], ["space/web:7"]],
    ["no empty tags", { repository: "r.test/space/web", tag: "" }, []],
    ["nothing in nothing", [undefined, null, 7, true], []],
    ["nothing in what is not there", undefined, []],
  ])("%s", (_, value, found) => {
    const roots = mentions(value, "us");
    expect(roots.map(({ by }) => by)).toEqual(found.map(() => "us"));
    expect(
      roots.map(({ repository, reference = "" }) =>
        repository === undefined ? reference : `${repository}:${reference}`,
      ),
    ).toEqual(found);
  });
});

test.each([
  ["ghcr.io/owner/web", "owner/web"],
  ["oci://localhost/space/charts/", "space/charts"],
  ["registry:5000/web", "web"],
  ["[::1]/space/web", "space/web"],
  ["space/web", "space/web"],
  ["web", "web"],
])("the path of %s is %s", (name, path) => {
  expect(repositoryPath(name)).toBe(path);
});
