import { InputError } from "./input-error";
import type { RegistryClient } from "./registry-client";
import type { ReleaseRecord } from "./release-record";
import { type StoredRelease, recordRepository, releaseNames } from "./release-store";
import { takenAliases } from "./version";

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
  if (templates.length === 0) return [];
  const known = await releaseNames(client, namespace);
  const moved: string[] = [];
  for (const alias of takenAliases(templates, record.release, known)) {
    if (await moveAlias(client, alias, targetsOf(namespace, record, digest))) moved.push(alias);
  }
  return moved;
}

/** Something that gets an alias. */
interface Target {
  readonly repository: string;
  readonly digest: string;
}

function targetsOf(namespace: string, { images }: ReleaseRecord, digest: string): Target[] {
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
  targets: readonly Target[],
): Promise<boolean> {
  let moved = false;
  for (const { repository, digest } of targets) {
    if ((await client.manifest(repository, alias))?.digest === digest) continue;
    const manifest = await client.manifest(repository, digest);
    if (!manifest) {
      throw new InputError(
        `${client.host}/${repository}@${digest} is gone again; run the same command once more`,
      );
    }
    await client.putManifest(repository, alias, manifest);
    moved = true;
  }
  return moved;
}
