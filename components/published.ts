import { type RegistryClient, RegistryError } from "./registry-client";

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

/** Why something published is no longer as it was recorded. */
export interface Absence {
  readonly cause: "missing-image" | "missing-chart" | "tag-moved";
  /** What the registry has instead, as a clause for people. */
  readonly detail: string;
}

/**
 * Asks the registry for all that was published, and returns what is gone or was replaced. It looks at manifests, and for an
 * index at the manifest of each platform; a lost config or layer it does not see.
 *
 * @throws RegistryError with each distinct problem once, when the registry could not be asked for everything.
 */
export async function findAbsences<P extends Published>(
  client: RegistryClient,
  wanted: readonly P[],
): Promise<Map<P, Absence>> {
  const outcomes = await Promise.allSettled(
    wanted.map((published) => findAbsence(client, published)),
  );
  const failures = outcomes.flatMap((outcome): unknown[] =>
    outcome.status === "rejected" ? [outcome.reason] : [],
  );
  if (failures.length > 0) throw combine(failures);

  const absences = new Map<P, Absence>();
  for (const [index, published] of wanted.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === "fulfilled" && outcome.value) absences.set(published, outcome.value);
  }
  return absences;
}

async function findAbsence(
  client: RegistryClient,
  { kind, repository, tag, digest }: Published,
): Promise<Absence | undefined> {
  const name = `${repository}:${tag}`;
  const found = await client.manifest(repository, tag);
  if (!found) return { cause: `missing-${kind}`, detail: `${name} is not in ${client.host}` };
  if (found.digest !== digest) {
    return {
      cause: "tag-moved",
      detail: `${name} moved in ${client.host} from ${digest} to ${found.digest}`,
    };
  }
  const lost = await Promise.all(
    found.children.map(async (child) =>
      (await client.exists(repository, child.digest)) ? [] : [child.platform ?? child.digest],
    ),
  );
  const platforms = lost.flat();
  if (platforms.length === 0) return undefined;
  return {
    cause: `missing-${kind}`,
    detail: `${platforms.join(", ")} of ${name} is not in ${client.host}`,
  };
}

/** The first error that is not the registry's, else all problems with all that they spoil. */
function combine(failures: readonly unknown[]): unknown {
  const problems = new Map<string, string[]>();
  for (const failure of failures) {
    if (!(failure instanceof RegistryError)) return failure;
    for (const [problem, references] of failure.problems)
      problems.set(problem, [...(problems.get(problem) ?? []), ...references]);
  }
  return new RegistryError(problems);
}
