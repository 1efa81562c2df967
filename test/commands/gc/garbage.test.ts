import { describe, expect, test } from "vitest";
import {
  type Deletion,
  type ManifestNode,
  type RepositoryContent,
  type Root,
  aboutDigest,
  bytesOf,
  findGarbage,
  freedBytes,
} from "../../../commands/gc/garbage.ts";
import { seededRandom } from "../../random.ts";
import { mustStay } from "./must-stay.ts";
import { digestOf, randomGraph } from "./random-graph.ts";

const graphs = 800;

/** What a registry holds, changeable. */
type Model = Map<
  string,
  { readonly tags: Map<string, string>; readonly manifests: Map<string, ManifestNode> }
>;

function modelOf(contents: readonly RepositoryContent[]): Model {
  return new Map(
    contents.map(({ repository, tags, manifests }) => [
      repository,
      { tags: new Map(tags), manifests: new Map(manifests) },
    ]),
  );
}

function read(model: Model): RepositoryContent[] {
  return [...model].map(([repository, held]) => ({ repository, ...held }));
}

/** As registries do it: a manifest takes its tags with it. */
function apply(model: Model, { repository, tag, digest }: Deletion): void {
  const held = model.get(repository);
  if (tag !== undefined) {
    held?.tags.delete(tag);
    return;
  }
  held?.manifests.delete(digest);
  for (const [each, tagged] of held?.tags ?? []) if (tagged === digest) held?.tags.delete(each);
}

/** The part of a repository that must stay. */
function rest(content: RepositoryContent, roots: readonly Root[], deletesTags: boolean) {
  const stay = mustStay(content, roots);
  const { repository, tags, manifests } = content;
  return {
    repository,
    tags: new Map(
      [...tags].filter(([tag, digest]) => stay.has(tag) || (!deletesTags && stay.has(digest))),
    ),
    manifests: new Map([...manifests].filter(([digest]) => stay.has(digest))),
  };
}

describe.each([true, false])("in random registries that delete tags alone: %s", (deletesTags) => {
  test("exactly what no root needs goes, and nothing that stays is ever broken", () => {
    const seen = { deletions: 0, tagOnly: 0, kept: 0, followers: 0, cyclic: 0, stuck: 0 };
    for (let seed = 0; seed < graphs; seed++) {
      const { contents, roots, cyclic } = randomGraph(seededRandom(seed));
      const garbage = findGarbage(contents, roots, deletesTags);
      const wanted = contents.map((content) => rest(content, roots, deletesTags));

      const model = modelOf(contents);
      for (const deletion of garbage.deletions) {
        apply(model, deletion);
        expect(missing(wanted, model), `seed ${seed}`).toEqual([]);
        if (!cyclic) expect(newlyDangling(contents, model), `seed ${seed}`).toEqual([]);
      }
      expect(read(model), `seed ${seed}`).toEqual(wanted);
      expect(findGarbage(read(model), roots, deletesTags).deletions, `seed ${seed}`).toEqual([]);

      seen.deletions += garbage.deletions.length;
      seen.tagOnly += garbage.deletions.filter(({ tag }) => tag !== undefined).length;
      seen.kept += garbage.kept.length;
      seen.followers += garbage.deletions.filter(({ follows }) => follows).length;
      seen.cyclic += cyclic ? 1 : 0;
      seen.stuck += garbage.stuck.length;
    }
    // The graphs are worth something only where all of this happens often.
    const { tagOnly, stuck, ...others } = seen;
    for (const [what, count] of Object.entries(others)) expect(count, what).toBeGreaterThan(50);
    expect(tagOnly > 50).toBe(deletesTags);
    expect(stuck > 50).toBe(!deletesTags);
  });

  test("everything that stays says who needs it", () => {
    for (let seed = 0; seed < graphs; seed++) {
      const { contents, roots } = randomGraph(seededRandom(seed));
      const { kept } = findGarbage(contents, roots, deletesTags);
      for (const by of new Set(roots.map((root) => root.by))) {
        const its = roots.filter((root) => root.by === by);
        for (const content of contents) {
          const stay = mustStay(content, its);
          const own = kept.filter(({ repository }) => repository === content.repository);
          const wrong = own.filter(
            ({ digest, by: users }) => users.includes(by) !== stay.has(digest),
          );
          expect(wrong, `seed ${seed}`).toEqual([]);
        }
      }
      expect(kept.filter(({ by }) => by.length === 0)).toEqual([]);
    }
  });

  test("the bytes that are freed are those that are there before and not after", () => {
    for (let seed = 0; seed < graphs; seed++) {
      const { contents, roots } = randomGraph(seededRandom(seed));
      const { deletions } = findGarbage(contents, roots, deletesTags);
      const model = modelOf(contents);
      for (const deletion of deletions) apply(model, deletion);
      const freed = totalBytes(contents) - totalBytes(read(model));
      expect(freedBytes(contents, deletions), `seed ${seed}`).toBe(freed);
    }
  });
});

/** What should be there as it was, and is not. */
function missing(wanted: readonly RepositoryContent[], model: Model): string[] {
  return wanted.flatMap(({ repository, tags, manifests }) => {
    const held = model.get(repository);
    return [
      ...[...tags].filter(([tag, digest]) => held?.tags.get(tag) !== digest).map(([tag]) => tag),
      ...[...manifests.keys()].filter((digest) => held?.manifests.has(digest) !== true),
    ];
  });
}

/** What points at something that was there and is gone. */
function newlyDangling(contents: readonly RepositoryContent[], model: Model): string[] {
  return contents.flatMap(({ repository, manifests }) => {
    const held = model.get(repository);
    const lost = (digest: string): boolean =>
      manifests.has(digest) && held?.manifests.has(digest) !== true;
    return [
      ...[...(held?.tags ?? [])].filter(([, digest]) => lost(digest)).map(([tag]) => tag),
      ...[...(held?.manifests ?? [])]
        .filter(([, { children, subject = "" }]) => [...children, subject].some(lost))
        .map(([digest]) => digest),
    ];
  });
}

function totalBytes(contents: readonly RepositoryContent[]): number {
  const blobs = contents.flatMap(({ manifests }) =>
    [...manifests.values()].flatMap((manifest) => [...manifest.blobs]),
  );
  return [...new Map(blobs).values()].reduce((sum, bytes) => sum + bytes, 0);
}

describe("what goes is told:", () => {
  const [index, arm, old, signature, copy] = ["index", "arm", "old", "signature", "copy"].map(
    digestOf,
  ) as [string, string, string, string, string];
  const node = (part: Partial<ManifestNode> = {}): ManifestNode => ({
    children: [],
    blobs: new Map(),
    ...part,
  });
  const content: RepositoryContent = {
    repository: "space/web",
    tags: new Map([
      ["v2", index],
      ["latest", index],
      ["v1", old],
      ["also-v1", old],
      [index.replace(":", "-"), signature],
    ]),
    manifests: new Map([
      [index, node({ children: [arm] })],
      [arm, node({ blobs: new Map([["layer", 7]]) })],
      [old, node({ children: [arm, copy] })],
      [
        copy,
        node({
          blobs: new Map([
            ["layer", 7],
            ["other", 3],
          ]),
        }),
      ],
      [signature, node()],
    ]),
  };

  test("a shared child stays, a garbage tag of a digest in use goes alone, a signature stays with its image", () => {
    const roots = [
      { repository: "space/web", reference: "v2", by: "stack prod" },
      { reference: index, by: "release v2" },
      { repository: "other/web", reference: "v1", by: "somebody else" },
    ];
    const { deletions, kept, stuck } = findGarbage([content], roots, true);
    const alone = {
      repository: "space/web",
      tag: "latest",
      digest: index,
      tags: [],
      follows: false,
      why: "its manifest stays for release v2, stack prod",
    };
    expect(deletions).toEqual([
      alone,
      {
        repository: "space/web",
        digest: old,
        tags: ["v1", "also-v1"],
        follows: false,
        why: "nothing refers to it",
      },
      { repository: "space/web", digest: copy, tags: [], follows: true, why: "part of v1" },
    ]);
    expect(stuck).toEqual([]);
    const by = ["release v2", "stack prod"];
    expect(kept).toEqual([
      { repository: "space/web", digest: index, tags: ["v2"], follows: false, by },
      { repository: "space/web", digest: arm, tags: [], follows: true, by },
      {
        repository: "space/web",
        digest: signature,
        tags: [index.replace(":", "-")],
        follows: true,
        by,
      },
    ]);
    expect(findGarbage([content], roots, false)).toMatchObject({
      deletions: deletions.slice(1),
      stuck: [alone],
      kept: [{ tags: ["v2", "latest"] }, {}, {}],
    });
  });

  test("what is about garbage goes with it", () => {
    const { deletions } = findGarbage([content], [], true);
    expect(deletions.map(({ tags, why, follows }) => [...tags, why, follows])).toEqual([
      [index.replace(":", "-"), "about v2", true],
      ["v1", "also-v1", "nothing refers to it", false],
      ["part of v1", true],
      ["v2", "latest", "nothing refers to it", false],
      ["part of v1", true],
    ]);
  });

  test("sizes count what is shared once, and not what stays", () => {
    expect(bytesOf(content, old)).toBe(10);
    const { deletions } = findGarbage([content], [{ reference: arm, by: "us" }], true);
    expect(freedBytes([content], deletions)).toBe(3);
  });
});

test.each([
  ["sha256-" + "a".repeat(64), `sha256:${"a".repeat(64)}`],
  [`sha256-${"a".repeat(64)}.sig`, `sha256:${"a".repeat(64)}`],
  [`sha256-${"a".repeat(63)}`, undefined],
  [`sha256-${"a".repeat(65)}`, undefined],
  ["v1", undefined],
])("the tag %s is about %s", (tag, digest) => {
  expect(aboutDigest(tag)).toBe(digest);
});
