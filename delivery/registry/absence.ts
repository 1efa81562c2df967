import { type RegistryClient, RegistryError } from "./client.ts";
import type { Manifest } from "./types.ts";

/** An image or a chart as it was recorded when it was pushed. */
export interface Published {
  readonly kind: "image" | "chart";
  readonly name: string;
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** Tag of an image, version of a chart. */
  readonly tag: string;
  /** `sha256:…` of its manifest. */
  readonly digest: string;
}

/** Difference between something that was recorded and the registry. */
export interface Absence {
  readonly cause: "missing-image" | "missing-chart" | "tag-moved";
  /** Content of the registry, as a clause for people. */
  readonly detail: string;
}

/**
 * Asks the registry for all that was published, and returns what is gone or was replaced.
 *
 * @throws RegistryError with each distinct problem once, when the registry could not be asked for everything.
 */
export async function findAbsences<P extends Published>(
  client: RegistryClient,
  wanted: readonly P[],
): Promise<Map<P, Absence>> {
  const answers = await askForAll(wanted, (published) => findAbsence(client, published));
  return new Map([...answers].flatMap(([item, absence]) => (absence ? [[item, absence]] : [])));
}

/**
 * Compares something published with the registry; undefined when it is as it was recorded. It looks at manifests, and for an
 * index at the manifest of each platform, but not at configs and layers.
 *
 * @throws RegistryError when the registry could not be asked.
 */
export async function findAbsence(
  client: RegistryClient,
  { kind, repository, tag, digest }: Published,
): Promise<Absence | undefined> {
  const name = `${repository}:${tag}`;
  const found = await client.getManifest(repository, tag);
  if (!found) return { cause: `missing-${kind}`, detail: `${name} is not in ${client.host}` };
  if (found.digest !== digest) {
    return {
      cause: "tag-moved",
      detail: `${name} moved in ${client.host} from ${digest} to ${found.digest}`,
    };
  }
  const platforms = await lostPlatforms(client, repository, found);
  if (platforms.length === 0) return undefined;
  return {
    cause: `missing-${kind}`,
    detail: `${platforms.join(", ")} of ${name} is not in ${client.host}`,
  };
}

/** Platforms of an index whose manifests the registry does not have; none of a manifest. */
export async function lostPlatforms(
  client: RegistryClient,
  repository: string,
  { children }: Manifest,
): Promise<string[]> {
  const lost = await Promise.all(
    children.map(async (child) =>
      (await client.hasManifest(repository, child.digest)) ? [] : [child.platform ?? child.digest],
    ),
  );
  return lost.flat();
}

/**
 * Asks the same about everything at once, and returns the answers by item.
 *
 * @throws RegistryError with each distinct problem once, when the registry could not be asked for everything.
 */
export async function askForAll<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Map<Item, Answer>> {
  const outcomes = await Promise.allSettled(items.map(ask));
  const failures = outcomes.flatMap((outcome): unknown[] =>
    outcome.status === "rejected" ? [outcome.reason] : [],
  );
  if (failures.length > 0) throw combine(failures);
  const answers = new Map<Item, Answer>();
  for (const [index, item] of items.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === "fulfilled") answers.set(item, outcome.value);
  }
  return answers;
}

/** Returns the first error that is not the registry's, else one error that lists the artifacts of each problem. */
function combine(failures: readonly unknown[]): unknown {
  const problems = new Map<string, string[]>();
  let deed: RegistryError["deed"] = "read";
  for (const failure of failures) {
    if (!(failure instanceof RegistryError)) return failure;
    deed = failure.deed;
    for (const [problem, references] of failure.problems)
      problems.set(problem, [...(problems.get(problem) ?? []), ...references]);
  }
  return new RegistryError(problems, deed);
}
