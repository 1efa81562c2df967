import { releaseRepository } from "../../delivery/registry/references.ts";
import type { Store } from "./store.ts";

/** The repositories of a namespace, with their tags. */
export interface OwnRepositories {
  /** Digest by tag, by repository: records first, then charts, then images, so that who refers goes before what it refers to. */
  readonly tags: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Repositories in the namespace that are not known to be this project's, and are left alone. */
  readonly foreign: readonly string[];
}

/** The end of tags and versions that content decides, which nobody else makes. */
const ownTag = /(?:^|-)v\d+\.\d+\.x-h[0-9a-f]{12}$/;

/**
 * Finds the repositories that are this project's: those to which it pushes, and of the others that the registry tells those
 * with a tag that only this project makes, since others may share the namespace. What is further below it is another
 * namespace, with records of its own.
 *
 * @param pushed paths of the repositories to which this project pushes, or did.
 */
export async function findOwnRepositories(
  store: Store,
  namespace: string,
  pushed: readonly string[],
): Promise<OwnRepositories> {
  const isDirect = (repository: string): boolean =>
    repository.startsWith(`${namespace}/`) &&
    /^(?:charts\/)?[^/]+$/.test(repository.slice(namespace.length + 1));
  const known = new Set(pushed.filter(isDirect));
  const told = (await store.repositories(namespace)).filter(isDirect);
  const all = [...new Set([...known, ...told])].sort(
    (a, b) => rank(namespace, a) - rank(namespace, b) || (a < b ? -1 : 1),
  );
  const read = await Promise.all(
    all.map(async (repository) => [repository, await store.tags(repository)] as const),
  );
  const isOwn = ([repository, tags]: (typeof read)[number]): boolean =>
    known.has(repository) || [...tags.keys()].some((tag) => ownTag.test(tag));
  return {
    tags: new Map(read.filter(isOwn)),
    foreign: read.filter((one) => !isOwn(one)).map(([repository]) => repository),
  };
}

function rank(namespace: string, repository: string): number {
  if (repository === `${namespace}/${releaseRepository}`) return 0;
  return repository.startsWith(`${namespace}/charts/`) ? 1 : 2;
}
