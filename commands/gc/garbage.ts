import { shortDigest } from "../../delivery/registry/references.ts";

/** What one repository of a registry holds. */
export interface RepositoryContent {
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** `sha256:…` by tag. */
  readonly tags: ReadonlyMap<string, string>;
  /** By `sha256:…`. */
  readonly manifests: ReadonlyMap<string, ManifestNode>;
}

/** A manifest or an index, with all that it points to. */
export interface ManifestNode {
  /** `sha256:…` of each manifest that an index lists. */
  readonly children: readonly string[];
  /** `sha256:…` of the manifest that it is about, as a signature is; undefined where it is about none. */
  readonly subject?: string | undefined;
  /** Bytes of config, layers and the manifest itself, by `sha256:…`. */
  readonly blobs: ReadonlyMap<string, number>;
}

/** Something that is in use. */
export interface Root {
  /** Path of the repository in which it is kept; left out means in all of them. */
  readonly repository?: string;
  /** Tag or `sha256:…`; left out means all that the repository holds, or the tags of `tagEnd`. */
  readonly reference?: string;
  /** End of the tags that are meant instead; none need be there. @default - no tags by their end */
  readonly tagEnd?: string;
  /** Who uses it, such as `stack local`. */
  readonly by: string;
}

/** What can go, and what cannot. */
export interface Garbage {
  /** In an order in which nothing that is still there ever points to what is gone. */
  readonly deletions: readonly Deletion[];
  /** Tags that would go, and that the registry cannot delete while their manifests stay. */
  readonly stuck: readonly Deletion[];
  readonly kept: readonly Kept[];
}

/** One thing to delete. */
export interface Deletion {
  readonly repository: string;
  /** Tag that goes alone, since its manifest stays; undefined where the manifest goes. */
  readonly tag?: string;
  /** `sha256:…` of the manifest. */
  readonly digest: string;
  /** Tags that go with the manifest. */
  readonly tags: readonly string[];
  /** Whether it goes only because what lists it, or what it is about, goes. */
  readonly follows: boolean;
  readonly why: string;
}

/** A manifest that stays. */
export interface Kept {
  readonly repository: string;
  readonly digest: string;
  /** Those of its tags that stay. */
  readonly tags: readonly string[];
  /** Whether it is there only for another one that stays, as its part or as something about it. */
  readonly follows: boolean;
  /** Who uses it, by itself or through something else, in order. */
  readonly by: readonly string[];
}

/** Whether a reference is a digest; tags have no colon. */
export function isDigest(reference: string): boolean {
  return reference.startsWith("sha256:");
}

/** Digest that a tag is about, where registries or tools list what refers to a manifest by tags such as `sha256-<hex>.sig`. */
export function aboutDigest(tag: string): string | undefined {
  const hex = /^sha256-([0-9a-f]{64})(?:\.|$)/.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/**
 * Finds what no root needs. A root needs what it names, what that lists, what is about any of it (signatures, and what is
 * about these), and what these are about. Repositories are independent of each other.
 *
 * @param deletesTags whether the registry can delete a tag and keep its manifest.
 */
export function findGarbage(
  contents: readonly RepositoryContent[],
  roots: readonly Root[],
  deletesTags: boolean,
): Garbage {
  const deletions: Deletion[] = [];
  const stuck: Deletion[] = [];
  const kept: Kept[] = [];
  for (const content of contents) {
    const { repository, tags, manifests } = content;
    const users = findUsers(content, roots);
    const tagsOf = tagsByDigest(tags);
    const byOf = (reference: string): string[] => [...(users.get(reference) ?? [])].sort();
    const garbageTags = [...tags].filter(([tag]) => !users.has(tag));
    const loneTags = garbageTags.flatMap(([tag, digest]): Deletion[] => {
      if (!users.has(digest)) return [];
      const why = `its manifest stays for ${byOf(digest).join(", ")}`;
      return [{ repository, tag, digest, tags: [], follows: false, why }];
    });
    (deletesTags ? deletions : stuck).push(...loneTags);
    deletions.push(...manifestDeletions(content, tagsOf, (digest) => !users.has(digest)));
    const listed = new Set(
      [...manifests].flatMap(([digest, { children }]) => (users.has(digest) ? children : [])),
    );
    for (const [digest, { subject }] of manifests) {
      if (!users.has(digest)) continue;
      const staying = tagsOf(digest).filter((tag) => users.has(tag) || !deletesTags);
      const aboutOthers = staying.some((tag) => aboutDigest(tag) !== undefined);
      const belongs = listed.has(digest) || subject !== undefined;
      const follows = aboutOthers || (belongs && staying.length === 0);
      kept.push({ repository, digest, tags: staying, follows, by: byOf(digest) });
    }
  }
  return { deletions, stuck, kept };
}

/** Bytes that only what is deleted uses, when the registry has collected them. */
export function freedBytes(
  contents: readonly RepositoryContent[],
  deletions: readonly Deletion[],
): number {
  const gone = new Set(
    deletions.flatMap(({ repository, tag, digest }) =>
      tag === undefined ? [`${repository}@${digest}`] : [],
    ),
  );
  const freed = new Map<string, number>();
  const used = new Set<string>();
  for (const { repository, manifests } of contents) {
    for (const [digest, { blobs }] of manifests) {
      const goes = gone.has(`${repository}@${digest}`);
      for (const [blob, bytes] of blobs) {
        if (goes) freed.set(blob, bytes);
        else used.add(blob);
      }
    }
  }
  return [...freed].reduce((sum, [blob, bytes]) => sum + (used.has(blob) ? 0 : bytes), 0);
}

/** Bytes of a manifest, with all that it lists and is made of. */
export function bytesOf({ manifests }: RepositoryContent, digest: string): number {
  const found = new Map<string, number>();
  const seen = new Set<string>();
  const add = (each: string): void => {
    const manifest = manifests.get(each);
    if (!manifest || seen.has(each)) return;
    seen.add(each);
    for (const [blob, bytes] of manifest.blobs) found.set(blob, bytes);
    for (const child of manifest.children) add(child);
  };
  add(digest);
  return [...found.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** Who uses each tag and digest; those that nobody uses are not in it. */
function findUsers(content: RepositoryContent, roots: readonly Root[]): Map<string, Set<string>> {
  const needs = neededTogether(content);
  const users = new Map<string, Set<string>>();
  const keep = (first: string, by: string): void => {
    const waiting = [first];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const known = users.get(next) ?? new Set();
      if (known.has(by)) continue;
      users.set(next, known.add(by));
      waiting.push(...(needs.get(next) ?? []));
    }
  };
  for (const { repository = content.repository, reference, tagEnd, by } of roots) {
    if (repository !== content.repository) continue;
    if (tagEnd !== undefined) {
      for (const tag of content.tags.keys()) if (tag.endsWith(tagEnd)) keep(tag, by);
    } else if (reference === undefined) for (const each of needs.keys()) keep(each, by);
    else if (needs.has(reference)) keep(reference, by);
  }
  return users;
}

/** All tags and digests of a repository, each with those that it is of no use without, or that are of no use without it. */
function neededTogether({ tags, manifests }: RepositoryContent): Map<string, string[]> {
  const needs = new Map<string, string[]>();
  for (const digest of manifests.keys()) needs.set(digest, []);
  for (const [digest, manifest] of manifests) {
    for (const other of pointedTo(manifest)) {
      if (manifests.has(other)) needs.get(digest)?.push(other);
    }
    if (manifest.subject !== undefined) needs.get(manifest.subject)?.push(digest);
  }
  for (const [tag, digest] of tags) {
    needs.set(tag, manifests.has(digest) ? [digest] : []);
    needs.get(aboutDigest(tag) ?? "")?.push(tag);
  }
  return needs;
}

function tagsByDigest(tags: ReadonlyMap<string, string>): (digest: string) => readonly string[] {
  const byDigest = new Map<string, string[]>();
  for (const [tag, digest] of tags) byDigest.set(digest, [...(byDigest.get(digest) ?? []), tag]);
  return (digest) => byDigest.get(digest) ?? [];
}

function pointedTo({ children, subject }: ManifestNode): string[] {
  return subject === undefined ? [...children] : [...children, subject];
}

/** Deletions of whole manifests: each goes before what it points to, and what it points to follows soon. */
function manifestDeletions(
  { repository, manifests }: RepositoryContent,
  tagsOf: (digest: string) => readonly string[],
  isGarbage: (digest: string) => boolean,
): Deletion[] {
  const nameOf = (digest: string): string => tagsOf(digest)[0] ?? shortDigest(digest);
  const garbage = [...manifests].filter(([digest]) => isGarbage(digest));
  const lists = new Map<string, string>();
  for (const [digest, { children }] of garbage) {
    for (const child of children) lists.set(child, digest);
  }

  const lastFirst: string[] = [];
  const visited = new Set<string>();
  const visit = (digest: string): void => {
    const manifest = manifests.get(digest);
    if (!manifest || !isGarbage(digest) || visited.has(digest)) return;
    visited.add(digest);
    for (const other of pointedTo(manifest)) visit(other);
    lastFirst.push(digest);
  };
  for (const [digest] of garbage) visit(digest);

  return lastFirst.reverse().map((digest) => {
    const tags = tagsOf(digest);
    const about = manifests.get(digest)?.subject ?? tags.map(aboutDigest)[0];
    const index = lists.get(digest);
    const own = { repository, digest, tags };
    if (about !== undefined) return { ...own, follows: true, why: `about ${nameOf(about)}` };
    if (index === undefined) return { ...own, follows: false, why: "nothing refers to it" };
    return { ...own, follows: tags.length === 0, why: `part of ${nameOf(index)}` };
  });
}
