import { type RepositoryContent, type Root, aboutDigest } from "../../../commands/gc/garbage.ts";

/** Tags and digests of a repository that must stay, by the rules alone, until they add nothing more. */
export function mustStay(
  { repository, tags, manifests }: RepositoryContent,
  roots: readonly Root[],
): Set<string> {
  const stay = new Set<string>();
  const there = (name: string): boolean => tags.has(name) || manifests.has(name);
  for (const root of roots) {
    if (root.repository !== undefined && root.repository !== repository) continue;
    const { reference, tagEnd } = root;
    const all = [...tags.keys(), ...manifests.keys()];
    const meant = (name: string): boolean =>
      tagEnd === undefined ? reference === undefined : tags.has(name) && name.endsWith(tagEnd);
    const names = reference === undefined ? all.filter(meant) : [reference];
    for (const name of names) if (there(name)) stay.add(name);
  }
  for (let before = -1; before !== stay.size;) {
    before = stay.size;
    for (const [tag, digest] of tags) {
      if (stay.has(tag)) stay.add(digest);
      if (stay.has(aboutDigest(tag) ?? "")) stay.add(tag);
    }
    for (const [digest, { children, subject = "" }] of manifests) {
      if (stay.has(digest))
        for (const other of [...children, subject]) if (there(other)) stay.add(other);
      if (stay.has(subject)) stay.add(digest);
    }
  }
  return stay;
}
