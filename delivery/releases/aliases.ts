import { takenAliases } from "../plan/version.ts";
import type { RegistryClient } from "../registry/client.ts";
import { askForAll } from "../registry/drift.ts";
import type { ReleaseRecord } from "./record.ts";
import { type StoredRelease, recordRepository, releaseNames } from "./store.ts";
import { type Tagged, ensureTag } from "./tag.ts";

/**
 * Points the aliases that a stored release takes, such as `latest`, at it: those of its images first, those of its record last.
 *
 * @param templates See {@link takenAliases}.
 * @returns Those that moved.
 */
export async function moveAliases(
  client: RegistryClient,
  namespace: string,
  { record, digest }: StoredRelease,
  templates: readonly string[],
): Promise<string[]> {
  const moved: string[] = [];
  for (const alias of await aliasesOf(client, namespace, record, templates)) {
    if (await moveAlias(client, alias, targetsOf(namespace, record, digest))) moved.push(alias);
  }
  return moved;
}

/**
 * Looks which of the aliases that a stored release takes are not on all of it, with reads only.
 *
 * @param templates See {@link takenAliases}.
 */
export async function findLostAliases(
  client: RegistryClient,
  namespace: string,
  { record, digest }: StoredRelease,
  templates: readonly string[],
): Promise<string[]> {
  const aliases = await aliasesOf(client, namespace, record, templates);
  const targets = targetsOf(namespace, record, digest);
  const answers = await askForAll(
    aliases.flatMap((alias) => targets.map((target) => ({ ...target, alias }))),
    async ({ repository, alias, digest }) =>
      (await client.getManifest(repository, alias))?.digest === digest,
  );
  const lost = [...answers].flatMap(([{ alias }, isThere]) => (isThere ? [] : [alias]));
  return [...new Set(lost)];
}

/** Aliases that a release takes among those that the registry has. */
async function aliasesOf(
  client: RegistryClient,
  namespace: string,
  { release }: ReleaseRecord,
  templates: readonly string[],
): Promise<string[]> {
  if (templates.length === 0) return [];
  return takenAliases(templates, release, await releaseNames(client, namespace));
}

function targetsOf(namespace: string, { images }: ReleaseRecord, digest: string): Tagged[] {
  return [
    ...Object.values(images).map(({ path, digest: image }) => ({
      ...{ repository: `${namespace}/${path}`, digest: image },
    })),
    { repository: recordRepository(namespace), digest },
  ];
}

async function moveAlias(
  client: RegistryClient,
  alias: string,
  targets: readonly Tagged[],
): Promise<boolean> {
  let moved = false;
  for (const target of targets) if (await ensureTag(client, target, alias)) moved = true;
  return moved;
}
