import { describe, expect, test } from "vitest";
import { clean } from "../../../commands/gc/clean.ts";
import {
  type Deletion,
  type RepositoryContent,
  type Root,
  findGarbage,
  isDigest,
} from "../../../commands/gc/garbage.ts";
import type { Store } from "../../../commands/gc/store.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { seededRandom } from "../../random.ts";
import { digestOf, randomGraph } from "./random-graph.ts";

/** A registry in memory that keeps what it is told to keep. */
class ModelStore implements Store {
  public readonly deletesTags = true;
  public readonly afterwards = "";
  /** What was deleted, in order. */
  public readonly removed: string[] = [];
  private readonly held: Map<string, Map<string, string>>;
  private readonly contents: readonly RepositoryContent[];
  private readonly keeps: (reference: string) => boolean;

  public constructor(
    contents: readonly RepositoryContent[],
    keeps: (reference: string) => boolean = () => false,
  ) {
    this.contents = contents;
    this.keeps = keeps;

    this.held = new Map(contents.map(({ repository, tags }) => [repository, new Map(tags)]));
  }

  public repositories(): Promise<string[]> {
    return Promise.resolve(this.contents.map(({ repository }) => repository));
  }

  public tags(repository: string): Promise<Map<string, string>> {
    return Promise.resolve(new Map(this.held.get(repository)));
  }

  public justPushed(): readonly string[] {
    return [];
  }

  public manifests(): Promise<never> {
    return Promise.reject(new Error("the survey is made already"));
  }

  public remove(repository: string, reference: string): Promise<string | undefined> {
    if (this.keeps(reference)) return Promise.resolve("it is liked");
    this.removed.push(`${repository} ${reference}`);
    const tags = this.held.get(repository);
    for (const [tag, digest] of tags ?? [])
      if (tag === reference || digest === reference) tags?.delete(tag);
    return Promise.resolve(undefined);
  }

  /** Pushes a tag. */
  public tag(repository: string, tag: string, digest: string): void {
    this.held.get(repository)?.set(tag, digest);
  }
}

const [index, arm, amd, other] = ["index", "arm", "amd", "other"].map(digestOf) as [
  string,
  string,
  string,
  string,
];
const content: RepositoryContent = {
  repository: "space/web",
  tags: new Map([
    ["v1", index],
    ["v0", other],
  ]),
  manifests: new Map([
    [index, { children: [arm, amd], blobs: new Map() }],
    [arm, { children: [], blobs: new Map() }],
    [amd, { children: [], blobs: new Map() }],
    [other, { children: [arm], blobs: new Map() }],
  ]),
};

function cleaning(
  store: ModelStore,
  contents: readonly RepositoryContent[],
  {
    roots = [],
    rootsThen = roots,
    onDeleted = () => undefined,
    trustMs,
  }: {
    roots?: readonly Root[];
    rootsThen?: readonly Root[];
    onDeleted?: (deletion: Deletion) => void;
    trustMs?: number;
  } = {},
) {
  const garbage = findGarbage(contents, roots, true);
  return clean({
    store,
    survey: { contents, garbage, missing: [], foreign: [] },
    roots,
    readRoots: () => Promise.resolve(rootsThen),
    onDeleted,
    ...(trustMs !== undefined && { trustMs }),
  });
}

describe("cleaning", () => {
  test("deletes all garbage in its order, and tells of each", async () => {
    const store = new ModelStore([content]);
    const told: string[] = [];
    const { deleted, refused } = await cleaning(store, [content], {
      onDeleted: ({ repository, digest }) => told.push(`${repository} ${digest}`),
    });
    expect(store.removed).toEqual([other, index, amd, arm].map((digest) => `space/web ${digest}`));
    expect(told).toEqual(store.removed);
    expect(deleted).toHaveLength(4);
    expect(refused).toEqual([]);
  });

  test("leaves what the registry keeps complete", async () => {
    const store = new ModelStore([content], (reference) => reference === index);
    const { deleted, refused } = await cleaning(store, [content]);
    expect(store.removed).toEqual([`space/web ${other}`]);
    expect(deleted).toHaveLength(1);
    expect(refused.map(({ deletion, reason }) => [deletion.digest, reason])).toEqual([
      [index, "it is liked"],
      [amd, "something that the registry keeps needs it"],
      [arm, "something that the registry keeps needs it"],
    ]);
  });

  test("never breaks what a registry keeps at random", async () => {
    let refusals = 0;
    for (let seed = 0; seed < 300; seed++) {
      const random = seededRandom(seed);
      const { contents, roots, cyclic } = randomGraph(random);
      if (cyclic) continue;
      const liked = new Set(
        contents.flatMap(({ manifests }) =>
          [...manifests.keys()].filter(() => random.below(6) === 0),
        ),
      );
      const store = new ModelStore(contents, (reference) => liked.has(reference));
      const { refused } = await cleaning(store, contents, { roots });
      refusals += refused.length;
      const gone = new Set(store.removed);
      for (const { repository, manifests } of contents) {
        for (const [digest, { children, subject = "" }] of manifests) {
          if (gone.has(`${repository} ${digest}`)) continue;
          const lost = [...children, subject].filter((each) => gone.has(`${repository} ${each}`));
          expect(lost, `seed ${seed}`).toEqual([]);
        }
      }
    }
    expect(refusals).toBeGreaterThan(100);
  });

  test("needs nobody where there is nothing to delete", async () => {
    const roots = [{ repository: "space/web", by: "us" }];
    const result = await cleaning(new ModelStore([content]), [content], { roots, rootsThen: [] });
    expect(result).toEqual({ deleted: [], refused: [] });
  });

  test("takes what is in use in another order for the same", async () => {
    const roots = ["a", "b"].map((by) => ({ reference: arm, by }));
    const rootsThen = [...roots].reverse();
    const { deleted } = await cleaning(new ModelStore([content]), [content], { roots, rootsThen });
    expect(deleted).toHaveLength(3);
  });
});

describe("cleaning stops before it deletes more when", () => {
  const runAgain =
    "while the registry was looked at, as when something is pushed or deployed; run it again";
  const tagsChanged = new InputError(`the tags of space/web changed ${runAgain}`);

  test("something else is in use now", async () => {
    const store = new ModelStore([content]);
    const rootsThen = [{ reference: arm, by: "us" }];
    await expect(cleaning(store, [content], { rootsThen })).rejects.toThrow(
      new InputError(`what is in use changed ${runAgain}`),
    );
    expect(store.removed).toEqual([]);
  });

  test.each<[what: string, tag: string, digest: string]>([
    ["a tag appeared", "v2", index],
    ["a tag moved", "v0", index],
  ])("%s", async (_, tag, digest) => {
    const store = new ModelStore([content]);
    store.tag("space/web", tag, digest);
    await expect(cleaning(store, [content])).rejects.toThrow(tagsChanged);
    expect(store.removed).toEqual([]);
  });

  test("a tag appears while it deletes for long", async () => {
    const store = new ModelStore([content]);
    const onDeleted = (): void => {
      store.tag("space/web", "v2", index);
    };
    await expect(cleaning(store, [content], { onDeleted, trustMs: 0 })).rejects.toThrow(
      tagsChanged,
    );
    expect(store.removed).toEqual([`space/web ${other}`]);
  });

  test("but not because of what it deleted itself", async () => {
    const { deleted } = await cleaning(new ModelStore([content]), [content], { trustMs: 0 });
    expect(deleted).toHaveLength(4);
  });
});

test("a digest is no tag", () => {
  expect([isDigest(index), isDigest("sha256-0")]).toEqual([true, false]);
});
