import type { Plan } from "../plan/plan.ts";
import { RegistryClient } from "../registry/client.ts";
import { type Endpoints, chartRepository, imageRepository } from "../registry/references.ts";
import { recordRepository } from "../releases/store.ts";
import type { Presences } from "./presence.ts";

/** What is about to be published. */
export interface Publishable {
  readonly plan: Plan;
  /** What of it is in the registry. */
  readonly presences: Presences;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
}

/**
 * Makes sure that the registry takes what is about to be pushed, before anything is built. Where all is there already, it
 * is not asked.
 *
 * @throws RegistryError when the credentials may not push, or there are none.
 */
export async function requirePushRight(publishable: Publishable): Promise<void> {
  const repository = firstPushed(publishable);
  if (repository === undefined) return;
  const { push: host, pushTls: tls } = publishable.endpoints;
  const client = new RegistryClient({ host, tls });
  try {
    await client.checkPush(repository);
  } finally {
    client.close();
  }
}

/** Repository to which something is pushed; undefined where nothing is. */
function firstPushed({ plan, presences, endpoints, release }: Publishable): string | undefined {
  const { images, charts, recorded } = presences;
  const image = plan.images.find(({ name }) => images.get(name)?.stays !== true);
  if (image) return imageRepository(endpoints, image.name);
  const chart = plan.charts.find(({ name }) => charts.get(name)?.stays !== true);
  if (chart) return chartRepository(endpoints, chart.name);
  const isWhole = recorded === true && [...images.values()].every(({ released }) => released);
  return release === undefined || isWhole ? undefined : recordRepository(endpoints.namespace);
}
