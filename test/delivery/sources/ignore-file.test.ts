import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  type IgnoreRules,
  dockerIgnore,
  helmIgnore,
} from "../../../delivery/sources/ignore-file.ts";
import { type Random, seededRandom } from "../../random.ts";

describe(".dockerignore", () => {
  test.each([
    [
      "a plain name covers the folder and all below it",
      "node_modules",
      { node_modules: true, "node_modules/a/b": true, "src/node_modules": false },
    ],
    [
      "** spans folders",
      "**/node_modules",
      { node_modules: true, "src/node_modules/x": true, "src/a": false },
    ],
    [
      "** at the end takes everything below",
      "src/**",
      { src: false, "src/a": true, "src/a/b": true },
    ],
    ["* stays within a folder", "*.md", { "README.md": true, "docs/README.md": false }],
    ["? is one character", "a?c", { abc: true, ac: false, "a/c": false }],
    ["classes", "[ab].txt", { "a.txt": true, "c.txt": false }],
    ["the last match wins", "*.md\n!README.md", { "README.md": false, "a.md": true }],
    ["a later pattern ignores again", "!a\na", { a: true }],
    [
      "an allow-list",
      "*\n!src\n!main.py",
      { "src/a/b.py": false, "main.py": false, "tests/a": true },
    ],
    [
      "an allow-list of a folder deep down",
      "*\n!src/app",
      { "src/app/x": false, "src/other": true, src: true },
    ],
    ["comments, blanks and a byte order mark", "\uFEFF# no\n\n  a  ", { a: true, "# no": false }],
    ["leading and trailing slashes mean nothing", "/a/\n./b", { a: true, "a/x": true, b: true }],
    ["dots of a regular expression are plain", "a.b", { "a.b": true, axb: false }],
    ["escaped stars are plain", "\\*", { "*": true, a: false }],
  ])("%s", (_, text, expected) => {
    const rules = dockerIgnore(text);
    const actual = Object.fromEntries(
      Object.keys(expected).map((path) => [path, rules.ignores(path, "file")]),
    );
    expect(actual).toEqual(expected);
  });

  test.each(["[a", "a/[b-a]"])("%j is refused", (line) => {
    expect(() => dockerIgnore(line)).toThrow(
      new InputError(
        `"${line}" is no pattern for an ignore file; close its brackets and write ranges upwards, or put \\ before [`,
      ),
    );
  });

  test("an ignored folder is walked only where a pattern can let something in again", () => {
    const rules = dockerIgnore("*\n!src/app/*.py\n!**/keep");
    expect(rules.prunes("src")).toBe(false);
    expect(dockerIgnore("*\n!src/app").prunes("node_modules")).toBe(true);
    expect(dockerIgnore("*\n!src/app").prunes("src")).toBe(false);
    expect(dockerIgnore("*\n!src/app").prunes("src/other")).toBe(true);
    expect(dockerIgnore("node_modules").prunes("node_modules")).toBe(true);
  });
});

describe(".helmignore", () => {
  test.each([
    ["a name matches at any depth", "tests", { tests: true, "a/tests/b": true, "a/testsb": false }],
    ["a path is anchored", "a/b", { "a/b": true, "x/a/b": false }],
    ["a leading slash is anchored", "/a", { a: true, "x/a": false }],
    ["a trailing slash is a folder", "docs/", { "docs/a": true, docs: false, "a/docs": false }],
    ["a path may end in a slash", "a/docs/", { "a/docs/b": true, "a/docs": false }],
    ["what ! does not match is left out", "!a*", { "a.txt": false, "ab/a": false, "ab/b": true }],
    ["a name is one segment", "a[^b]*", { "a/c": false, "x/ac": true }],
    ["a caret is plain", "^a", { "^a": true, a: false }],
    ["a comment may be indented", "  # a", { "# a": false }],
    ["stars stay within a folder", "*.tgz", { "a.tgz": true, "x/a.tgz": true, "a.tgz.txt": false }],
  ])("%s", (_, text, expected) => {
    const rules = helmIgnore(text);
    const actual = Object.fromEntries(
      Object.keys(expected).map((path) => [path, rules.ignores(path, "file")]),
    );
    expect(actual).toEqual(expected);
  });

  test("a folder is left out by a pattern that ends in a slash", () => {
    expect(helmIgnore("docs/").ignores("a/docs", "folder")).toBe(true);
  });
});

describe("a shortcut for walking", () => {
  const globs = [
    "a",
    "b",
    "ab",
    "*",
    "**",
    "a*",
    "?",
    "*b",
    "[ab]",
    "[^b]",
    "a[^b]b",
    "a**",
    "**b",
    "..",
    "\\\\a",
  ];
  const names = ["a", "b", "ab", "aab", "c"];

  test("nothing is let in below a folder that is not walked", () => {
    const random = seededRandom(13);
    let pruned = 0;
    for (let round = 0; round < 6_000; round++) {
      const text = randomIgnoreFile(random);
      const rules = dockerIgnore(text);
      const folder = randomPath(random, 1);
      if (!skips(rules, folder)) continue;
      pruned++;
      const path = `${folder}/${randomPath(random, 1)}`;
      expect([text, path, rules.ignores(path, "file")]).toEqual([text, path, true]);
    }
    expect(pruned).toBeGreaterThan(1_000);
  });

  function skips(rules: IgnoreRules, folder: string): boolean {
    return rules.ignores(folder, "folder") && rules.prunes(folder);
  }

  function randomIgnoreFile(random: Random): string {
    return Array.from({ length: 1 + random.below(4) }, () => {
      const glob = Array.from({ length: 1 + random.below(3) }, () => random.pick(globs)).join("/");
      return random.below(3) === 0 ? `!${glob}` : glob;
    }).join("\n");
  }

  function randomPath(random: Random, least: number): string {
    return Array.from({ length: least + random.below(3) }, () => random.pick(names)).join("/");
  }
});
