import { expect, test } from "vitest";
import { sourcesOf } from "../../../commands/watch/sources.ts";
import { enterFolderWith } from "../../folders.ts";

const shop = {
  images: {
    api: { path: "apps/api" },
    web: { path: "./apps/web/", dockerfile: "docker/web.Dockerfile" },
  },
  charts: { shop: { path: "charts/shop", namespace: "shop", images: {} } },
};

function enterShop(): void {
  enterFolderWith({
    "apps/api/.dockerignore": "*\n!main.py\n!src/app\n**/__pycache__",
    "apps/web/.dockerignore": "README.md",
    "docker/web.Dockerfile.dockerignore": "node_modules",
    "charts/shop/.helmignore": "tests/",
  });
}

test.each([
  ["a file that the ignore file leaves", "apps/api/main.py", true],
  ["one that it lets in deep down", "apps/api/src/app/a/b.py", true],
  ["an ignored one", "apps/api/notes.md", false],
  ["the Dockerfile, even where the ignore file leaves it out", "apps/api/Dockerfile", true],
  ["the ignore file itself", "apps/api/.dockerignore", true],
  ["a Dockerfile elsewhere", "docker/web.Dockerfile", true],
  ["its ignore file", "docker/web.Dockerfile.dockerignore", true],
  ["a neighbour of it", "docker/other.Dockerfile", false],
  ["what only the ignore file that is not used leaves out", "apps/web/README.md", true],
  ["a file of a chart", "charts/shop/templates/a.yaml", true],
  ["an ignored file of a chart", "charts/shop/tests/a.yaml", false],
  [".helmignore", "charts/shop/.helmignore", true],
  ["a Git folder in a source", "apps/web/.git", false],
  ["a given file", "deliverables.ts", true],
  ["a given file that is named by its whole path", "locks/bases.yaml", true],
  ["a folder above a source, which may come and go", "apps", true],
  ["a folder that only starts like a source", "apps/api-old", false],
  ["anything else", "README.md", false],
])("%s counts or not", (_, path, counts) => {
  enterShop();
  const files = ["deliverables.ts", `${process.cwd()}/locks/bases.yaml`];
  expect(sourcesOf(shop, files).counts(path)).toBe(counts);
});

test.each([
  ["a source", "apps/api", true],
  ["an ignored folder with something that is let in", "apps/api/src", true],
  ["a folder that is let in", "apps/api/src/app", true],
  ["an ignored folder", "apps/api/tests", false],
  ["an ignored folder in one that is let in", "apps/api/src/app/__pycache__", false],
  ["node_modules", "apps/web/node_modules", false],
  ["a Git folder", "apps/web/.git", false],
  ["a folder that is no source", "docker", false],
  ["a folder that only starts like a source", "apps/api-old", false],
])("%s is entered or not", (_, path, enters) => {
  enterShop();
  expect(sourcesOf(shop, []).enters(path)).toBe(enters);
});

test("a context outside of the project holds what is in it", () => {
  const sources = sourcesOf({ images: { other: { path: "../other" } }, charts: {} }, []);
  expect(["../other/a", "../a", "a"].map((path) => sources.counts(path))).toEqual([
    true,
    false,
    false,
  ]);
});

test("a whole project as context holds all but what its ignore file leaves out", () => {
  enterFolderWith({ ".dockerignore": "node_modules" });
  const sources = sourcesOf({ images: { all: { path: "." } }, charts: {} }, []);
  expect(["a", "b/c", "node_modules/x", "../a"].map((path) => sources.counts(path))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect([".", "b", "node_modules", ".."].map((path) => sources.enters(path))).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
