import type { Plan } from "../plan/plan.ts";
import { RegistryClient } from "../registry/client.ts";
import { askForAll } from "../registry/drift.ts";
import { type Endpoints, chartRepository, imageRepository } from "../registry/references.ts";
import { recordRepository } from "../releases/store.ts";
import type { Finding, Findings } from "./finding.ts";

/** What is about to be published. */
export interface Publishable {
  readonly plan: Plan;
  /** What of it the registry has. */
  readonly findings: Pick<Findings, "images" | "charts" | "release">;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
}

/**
 * Makes sure that the registry takes what is about to be pushed, before anything is built. Each repository is tried, since a
 * token may push to one and not to another. Where all is there already, the registry is not asked.
 *
 * @throws RegistryError that names each repository to which the credentials may not push.
 */
export async function requirePushRight(publishable: Publishable): Promise<void> {
  const repositories = pushedRepositories(publishable);
  if (repositories.length === 0) return;
  const { push: host, pushTls: tls } = publishable.endpoints;
  const client = new RegistryClient({ host, tls });
  try {
    await askForAll(repositories, (repository) => client.checkPush(repository));
  } finally {
    client.close();
  }
}

/** Repositories to which something is pushed, even if that is a tag or a record alone. */
function pushedRepositories({ plan, findings, endpoints, release }: Publishable): string[] {
  const { images, charts } = findings;
  const { recorded, missing } = findings.release;
  const stays = (finding: Finding | undefined): boolean => finding?.stays === true;
  // An image that is there still gets the tag of the release.
  const lacksTag = (finding: Finding | undefined): boolean =>
    release !== undefined && finding?.released !== true;
  const pushedImages = plan.images.filter(({ name }) => {
    const finding = images.get(name);
    // Aliases and signatures are beside the images.
    return !stays(finding) || lacksTag(finding) || missing !== undefined;
  });
  const pushedCharts = plan.charts.filter(({ name }) => !stays(charts.get(name)));
  const repositories = [
    ...pushedImages.map(({ name }) => imageRepository(endpoints, name)),
    ...pushedCharts.map(({ name }) => chartRepository(endpoints, name)),
  ];
  const isWhole = recorded === true && repositories.length === 0;
  return release === undefined || isWhole
    ? repositories
    : [...repositories, recordRepository(endpoints.namespace)];
}
