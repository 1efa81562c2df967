import type { ManifestNode, RepositoryContent, Root } from "../../../commands/gc/garbage.ts";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import type { Random } from "../../random.ts";

/** A namespace as it could be, and what is in use of it. */
export interface RandomGraph {
  readonly contents: readonly RepositoryContent[];
  readonly roots: readonly Root[];
  /** Whether manifests point at each other, as real digests never can. */
  readonly cyclic: boolean;
}

/** Digest of something that is called so. */
export function digestOf(name: string): string {
  return `sha256:${sha256(name)}`;
}

/**
 * Images, indexes that share children, signatures and what is about signatures, their fallback tags, orphans, one digest
 * under several tags and in several repositories, and references to what is not there.
 */
export function randomGraph(random: Random): RandomGraph {
  const cyclic = random.below(8) === 0;
  const pool = randomManifests(random, cyclic);
  const contents = Array.from({ length: 1 + random.below(3) }, (_, index) =>
    randomRepository(random, `space/r${index}`, pool),
  );
  return { contents, roots: randomRoots(random, contents), cyclic };
}

function randomManifests(random: Random, cyclic: boolean): Map<string, ManifestNode> {
  const pool = new Map<string, ManifestNode>();
  const some = (limit: number): string[] => random.shuffle([...pool.keys()]).slice(0, limit);
  const count = 1 + random.below(24);
  for (let index = 0; index < count; index++) {
    const digest = digestOf(`${index}`);
    const isIndex = random.below(3) === 0;
    const [subject] = random.below(3) === 0 ? [...some(1), digestOf("nowhere")] : [];
    const layers = Array.from({ length: random.below(3) }, () => `layer ${random.below(8)}`);
    pool.set(digest, {
      children: isIndex ? [...some(random.below(4)), ...lost(random)] : [],
      ...(subject !== undefined && { subject }),
      blobs: new Map(
        [digest, ...(isIndex ? [] : layers.map(digestOf))].map((blob) => [blob, blob.length]),
      ),
    });
  }
  if (cyclic) {
    const [first, last] = [[...pool.keys()][0] ?? "", [...pool.keys()].at(-1) ?? ""];
    const node = pool.get(first);
    if (node) pool.set(first, { ...node, children: [last], subject: last });
  }
  return pool;
}

/** Sometimes the digest of something that is not there. */
function lost(random: Random): string[] {
  return random.below(6) === 0 ? [digestOf("lost")] : [];
}

function randomRepository(
  random: Random,
  repository: string,
  pool: ReadonlyMap<string, ManifestNode>,
): RepositoryContent {
  const manifests = new Map([...pool].filter(() => random.below(4) > 0));
  const tags = new Map<string, string>();
  for (const digest of random.shuffle([...manifests.keys()])) {
    for (let count = random.below(3); count > 0; count--) tags.set(`t-${random.word()}`, digest);
  }
  for (const [digest] of [...manifests]) {
    if (random.below(3) > 0) continue;
    const about = [...manifests].filter(([, { subject }]) => subject === digest);
    const tag = digest.replace(":", "-");
    if (random.below(4) === 0) {
      tags.set(`${tag}.sig`, random.pick([...manifests.keys()]));
    } else if (about.length > 0) {
      const index = digestOf(`${repository} ${digest}`);
      const children = about.map(([each]) => each);
      manifests.set(index, { children, blobs: new Map([[index, 1]]) });
      tags.set(tag, index);
    }
  }
  // Of what was deleted long ago.
  if (manifests.size > 0 && random.below(4) === 0)
    tags.set(digestOf("gone").replace(":", "-"), random.pick([...manifests.keys()]));
  return { repository, tags, manifests };
}

function randomRoots(random: Random, contents: readonly RepositoryContent[]): Root[] {
  return Array.from({ length: random.below(7) }, (_, index): Root => {
    const { repository, tags, manifests } = random.pick(contents);
    const references = [...tags.keys(), ...manifests.keys(), "no-such-tag", digestOf("lost")];
    const reference = random.pick(references);
    const by = `user ${index % 4}`;
    if (random.below(12) === 0) return { repository, by };
    if (random.below(6) === 0) return { repository, tagEnd: reference.slice(-1), by };
    return random.below(6) === 0 ? { reference, by } : { repository, reference, by };
  });
}
