import type { Drift } from "../basics/drift.ts";
import { type RegistryClient, RegistryError } from "./client.ts";
import type { Manifest } from "./types.ts";

/**
 * Compares something published with the registry; undefined when it is as it was recorded. It looks at manifests, and for an
 * index at the manifest of each platform, but not at configs and layers.
 *
 * @param published Repository without host, tag or version, and the `sha256:…` that was recorded.
 * @throws RegistryError when the registry could not be asked.
 */
export async function findDrift(
  client: RegistryClient,
  published: Readonly<Record<"repository" | "tag" | "digest", string>>,
): Promise<Drift | undefined> {
  const { repository, tag, digest } = published;
  const name = `${repository}:${tag}`;
  const found = await client.getManifest(repository, tag);
  if (!found) return { cause: "missing", detail: `${name} is not in ${client.host}` };
  if (found.digest !== digest) {
    return {
      cause: "tag-moved",
      detail: `${name} moved in ${client.host} from ${digest} to ${found.digest}`,
    };
  }
  const platforms = await lostPlatforms(client, repository, found);
  if (platforms.length === 0) return undefined;
  return {
    cause: "missing",
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
