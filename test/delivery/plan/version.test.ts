import { describe, expect, test } from "vitest";
import {
  aliasProblem,
  chartVersion,
  chartVersionPattern,
  chooseRelease,
  contentTag,
  expectedRelease,
  imageTag,
  isRelease,
  newestFirst,
  nextFreeVersion,
  releaseLine,
  takenAliases,
} from "../../../delivery/plan/version.ts";
import type { GitFacts } from "../../../delivery/sources/git-facts.ts";

const key = "0123456789abcdef";

test.each([
  ["v2.1.8", "v2.1"],
  ["2.1.0", "v2.1"],
  ["v10.0.3-rc.1", "v10.0"],
])("%s leads to the line %s", (version, line) => {
  expect(releaseLine(version)).toBe(line);
});

test("what is no version has no line", () => {
  expect(() => releaseLine("latest")).toThrow(
    '"latest" is not a version such as 2.1.0; give package.json one of the form MAJOR.MINOR.PATCH',
  );
});

test("development versions carry the key after a letter", () => {
  expect(contentTag({ line: "v2.1", release: "v2.1.8" }, key)).toBe("v2.1.x-h0123456789ab");
  expect(imageTag({ line: "v2.1" }, key)).toBe("v2.1.x-h0123456789ab");
  expect(chartVersion({ line: "v2.1" }, "0.1.1", key)).toBe("0.1.1-v2.1.x-h0123456789ab");
});

test("a release is the tag, and charts keep their own version", () => {
  expect(imageTag({ line: "v2.1", release: "v2.1.8" }, key)).toBe("v2.1.8");
  expect(chartVersion({ line: "v2.1", release: "v2.1.8" }, "0.1.1", key)).toBe("0.1.1");
});

test.each([
  ["0.1.1", true],
  ["1.0.0-rc.1", true],
  ["0.1.1-v2.1.x-h0123456789ab", true],
  ["1.0", false],
  ["v1.0.0", false],
  ["01.0.0", false],
  ["1.0.0-01", false],
  ["1.0.0+build", false],
  ["", false],
])("%s as a chart version: %s", (version, fits) => {
  expect(chartVersionPattern.test(version)).toBe(fits);
});

test.each([
  ["v2.1.8", true],
  ["v0.0.1", true],
  ["v2.1.8-rc.1", true],
  ["v2.1.8-0a", true],
  ["2.1.8", false],
  ["V2.1.8", false],
  ["v2.1", false],
  ["v2.1.8.1", false],
  ["v02.1.8", false],
  ["v2.1.8-01", false],
  ["v2.1.8+build", false],
  ["v2.1.8 ", false],
  ["latest", false],
  ["", false],
])("%s as a release: %s", (text, fits) => {
  expect(isRelease(text)).toBe(fits);
});

describe("the release that is made", () => {
  const tag = (name: string, annotated = true) => ({ name, annotated });
  const clean: GitFacts = {
    commit: "0123456789abcdef0123456789abcdef01234567",
    time: "2026-11-25T12:00:00.000Z",
    shallow: false,
    dirty: [],
    tags: [tag("v2.1.8")],
    known: ["v2.1.7", "v2.1.8"],
    repository: undefined,
  };
  const choose = (facts: Partial<GitFacts> | undefined, named = "", asked = "") =>
    chooseRelease(
      "git-tag",
      named,
      () => (facts === undefined ? undefined : { ...clean, ...facts }),
      "2.1.0",
      asked,
    );

  test("is nobody's business where content decides", () => {
    const asked = (): never => {
      throw new Error("git was asked");
    };
    expect(chooseRelease("content", "", asked, "2.1.0")).toEqual({ problems: [] });
    expect(chooseRelease("content", "v3.0.0-rc.1", asked, "2.1.0")).toEqual({
      release: "v3.0.0-rc.1",
      problems: [],
    });
    expect(chooseRelease("git-tag", "v2.1.9", asked, "2.1.0")).toEqual({
      release: "v2.1.9",
      problems: [],
    });
  });

  test.each<[what: string, facts: Partial<GitFacts>, release: string]>([
    ["an annotated tag", {}, "v2.1.8"],
    ["a pre-release", { tags: [tag("v2.2.0-rc.1")] }, "v2.2.0-rc.1"],
    [
      "beside tags that are no version",
      { tags: [tag("nightly", false), tag("v2.1.8"), tag("v2.1")] },
      "v2.1.8",
    ],
  ])("is that of %s", (_, facts, release) => {
    expect(choose(facts)).toEqual({ release, problems: [] });
  });

  test.each<[what: string, facts: Partial<GitFacts> | undefined, problems: string[]]>([
    [
      "no repository",
      undefined,
      [
        "a release takes its version from a Git tag, and this folder is in no Git repository; release from a clone, or " +
          "name the version: pulumi config set release v2.1.8",
      ],
    ],
    [
      "a changed file",
      { dirty: ["apps/demo/main.py"] },
      [
        "the tree is not as the commit has it: apps/demo/main.py; commit and tag that, or put it aside with: " +
          "git stash --include-untracked",
      ],
    ],
    [
      "many changed files",
      { dirty: ["a", "b", "c", "d", "e"] },
      [
        "the tree is not as the commit has it: a, b, c and 2 more; commit and tag that, or put it aside with: " +
          "git stash --include-untracked",
      ],
    ],
    [
      "a shallow clone",
      { shallow: true },
      [
        "the clone is shallow, so its tags cannot be relied on; fetch the rest with: git fetch --unshallow --tags " +
          "(in CI, check out with fetch-depth: 0)",
      ],
    ],
    [
      "no tag",
      { tags: [], known: ["v2.1.7", "v2.1.10", "v3.0.0-rc.1", "nightly"] },
      ["HEAD (0123456789) has no tag; tag it with: git tag --annotate v2.1.11 --message v2.1.11"],
    ],
    [
      "no tag in a repository without any",
      { tags: [], known: [] },
      ["HEAD (0123456789) has no tag; tag it with: git tag --annotate v2.1.0 --message v2.1.0"],
    ],
    [
      "no tag in a repository that has not come to its own version",
      { tags: [], known: ["v2.0.9", "v2.1.0-rc.1"] },
      ["HEAD (0123456789) has no tag; tag it with: git tag --annotate v2.1.0 --message v2.1.0"],
    ],
    [
      "a tag that is no version",
      { tags: [tag("release-2")] },
      [
        "HEAD (0123456789) has release-2, which is no version such as v2.1.8; tag it with: " +
          "git tag --annotate v2.1.9 --message v2.1.9",
      ],
    ],
    [
      "tags that are no versions",
      { tags: [tag("v2.1"), tag("2.1.8")] },
      [
        "HEAD (0123456789) has v2.1, 2.1.8, which are no version such as v2.1.8; tag it with: " +
          "git tag --annotate v2.1.9 --message v2.1.9",
      ],
    ],
    [
      "a lightweight tag",
      { tags: [tag("v2.1.8", false)] },
      [
        "v2.1.8 is a lightweight tag, which anybody can move unseen; make it an annotated one: " +
          "git tag --annotate --force v2.1.8 --message v2.1.8 v2.1.8^{}",
      ],
    ],
    [
      "two versions",
      { tags: [tag("v2.1.8"), tag("v2.1.9", false)] },
      [
        "HEAD (0123456789) has the tags v2.1.8 and v2.1.9, and a release has one version; delete all but one: " +
          "git tag --delete v2.1.9",
      ],
    ],
  ])("is none with %s", (_, facts, problems) => {
    expect(choose(facts)).toEqual({ problems });
  });

  test("is the one that is asked for, where HEAD has its tag or the stack its name", () => {
    expect(choose({}, "", "v2.1.8")).toEqual({ release: "v2.1.8", problems: [] });
    expect(choose({}, "v3.0.0", "v3.0.0")).toEqual({ release: "v3.0.0", problems: [] });
  });

  test.each<[what: string, facts: Partial<GitFacts>, asked: string, problem: string]>([
    [
      "no tag",
      { tags: [], known: ["v2.1.7"] },
      "v2.2.0",
      "HEAD (0123456789) has no tag; tag it with: git tag --annotate v2.2.0 --message v2.2.0",
    ],
    [
      "no tag, where another commit has it",
      { tags: [], known: ["v2.1.7"] },
      "v2.1.7",
      "HEAD (0123456789) has no tag; check out the commit that has v2.1.7: git checkout v2.1.7",
    ],
    [
      "another tag",
      {},
      "v2.2.0",
      "HEAD (0123456789) has the tag v2.1.8, so it cannot be released as v2.2.0; leave RELEASE=v2.2.0 out, or check out " +
        "the commit that is to be v2.2.0 and tag it with: git tag --annotate v2.2.0 --message v2.2.0",
    ],
    [
      "another tag, where another commit has it",
      { tags: [tag("v2.1.8", false)] },
      "v2.1.7",
      "HEAD (0123456789) has the tag v2.1.8, so it cannot be released as v2.1.7; leave RELEASE=v2.1.7 out, or check out " +
        "the commit that has v2.1.7: git checkout v2.1.7",
    ],
    [
      "other tags",
      { tags: [tag("v2.1.8"), tag("v2.1.9")] },
      "v2.1.7",
      "HEAD (0123456789) has the tags v2.1.8 and v2.1.9, so it cannot be released as v2.1.7; leave RELEASE=v2.1.7 out, " +
        "or check out the commit that has v2.1.7: git checkout v2.1.7",
    ],
    [
      "more than that tag",
      { tags: [tag("v2.1.10"), tag("v2.1.8"), tag("v2.1.9")] },
      "v2.1.8",
      "HEAD (0123456789) has the tags v2.1.10 and v2.1.8 and v2.1.9, and a release has one version; delete all but one: " +
        "git tag --delete v2.1.10 v2.1.9",
    ],
  ])("is not the one that is asked for with %s", (_, facts, asked, problem) => {
    expect(choose(facts, "", asked)).toEqual({ problems: [problem] });
  });

  test("is not the one that is asked for where the stack names another", () => {
    expect(choose({}, "v2.1.8", "v2.1.9")).toEqual({
      problems: [
        '"release" is "v2.1.8", so no other one can be made; leave RELEASE=v2.1.9 out, or set it with: ' +
          "pulumi config set release v2.1.9",
      ],
    });
  });

  test.each<[expected: string, facts: Partial<GitFacts> | undefined]>([
    ["v2.1.0", undefined],
    ["v2.1.9", { tags: [tag("nightly")] }],
    ["v2.1.7", { tags: [tag("nightly"), tag("v2.1.7", false)], dirty: ["a"] }],
    ["v2.1.8", { tags: [tag("v2.1.8"), tag("v2.1.9")] }],
  ])("is meant to be %s with %j", (expected, facts) => {
    expect(expectedRelease(facts && { ...clean, ...facts }, "2.1.0")).toBe(expected);
  });

  test("is none for all reasons at once", () => {
    const { release, problems } = choose({ shallow: true, dirty: ["a"], tags: [] });
    expect(release).toBeUndefined();
    expect(problems).toHaveLength(3);
  });

  test("is none by a name that is no version", () => {
    expect(choose({}, "2.1.8")).toEqual({
      problems: [
        '"release" is "2.1.8", but must be a semantic version after a v and without build metadata, such as v2.1.8; ' +
          "set it with: pulumi config set release …",
      ],
    });
  });
});

test("releases are ordered by version, and what is none comes last", () => {
  const names = ["v2.1.x-h0a", "v2.1.9", "v2.1.10", "v2.1.10-rc.1", "v10.0.0", "v2.1.x-h0b"];
  expect(newestFirst(names)).toEqual([
    "v10.0.0",
    "v2.1.10",
    "v2.1.10-rc.1",
    "v2.1.9",
    "v2.1.x-h0b",
    "v2.1.x-h0a",
  ]);
});

const templates = ["latest", "v{major}", "v{major}.{minor}"];

test.each<[release: string, published: string[], taken: string[]]>([
  ["v2.1.8", [], ["latest", "v2", "v2.1"]],
  ["v2.1.8", ["v2.1.8", "v2.1.7"], ["latest", "v2", "v2.1"]],
  ["v2.1.8", ["v2.1.9"], []],
  ["v2.1.8", ["v2.2.0"], ["v2.1"]],
  ["v2.1.8", ["v3.0.0"], ["v2", "v2.1"]],
  ["v2.1.8", ["v3.0.0-rc.1", "v2.1.x-h0123456789ab"], ["latest", "v2", "v2.1"]],
  ["v2.2.0-rc.1", [], []],
  ["v2.1.x-h0123456789ab", [], []],
  ["v2.1.x-h0123456789ab", ["v3.0.0"], []],
])("%s beside %j takes the aliases %j", (release, published, taken) => {
  expect(takenAliases(templates, release, published)).toEqual(taken);
});

test.each([
  ["latest", true],
  ["v{major}.{minor}", true],
  ["stable-{major}", true],
  ["v{major}.{minor}.0", false],
  ["{patch}", false],
  ["-x", false],
  ["", false],
])("%s as an alias: %s", (template, fits) => {
  expect(aliasProblem(template) === undefined).toBe(fits);
});

test.each([
  ["0.2.0", [], "0.2.1"],
  ["0.2.0", ["0.2.0", "0.2.1", "0.2.2"], "0.2.3"],
  ["0.2.9", ["0.2.9", "0.3.0"], "0.2.10"],
  ["1.0.0-rc.1", ["1.0.0-rc.1"], "1.0.0"],
])("after %s with %j comes %s", (own, published, next) => {
  expect(nextFreeVersion(own, published)).toBe(next);
});
