import type { Manifest } from "../../delivery/registry/types.ts";
import { type ManifestNode, type RepositoryContent, type Root, isDigest } from "./garbage.ts";
import type { Store } from "./store.ts";

/** What a repository holds, and its manifests as they were read. */
export interface ReadContent {
  readonly content: RepositoryContent;
  readonly manifests: ReadonlyMap<string, Manifest>;
}

/** Reads what the tags of a repository lead to, and what roots name by digest: no tag may lead to that any more, and it may
 * share parts with what goes. */
export async function readContent(
  store: Store,
  repository: string,
  tags: ReadonlyMap<string, string>,
  roots: readonly Root[],
): Promise<ReadContent> {
  const used = roots.flatMap((root) =>
    (root.repository ?? repository) === repository && isDigest(root.reference ?? "")
      ? (root.reference ?? [])
      : [],
  );
  const manifests = await store.manifests(repository, new Set([...tags.values(), ...used]));
  const nodes = [...manifests].map(([digest, manifest]) => [digest, nodeOf(manifest)] as const);
  return { content: { repository, tags, manifests: new Map(nodes) }, manifests };
}

function nodeOf({ digest, bytes, children, blobs, subject }: Manifest): ManifestNode {
  return {
    children: children.map((child) => child.digest),
    subject,
    blobs: new Map([
      ...blobs.map((part) => [part.digest, part.size] as const),
      [digest, bytes.length] as const,
    ]),
  };
}
