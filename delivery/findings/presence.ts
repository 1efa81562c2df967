import { fields, parseJson } from "../basics/json-fields.ts";
import type { Plan } from "../plan/plan.ts";
import type { ChartPlan } from "../plan/chart-plan.ts";
import type { ImagePlan } from "../plan/image-plan.ts";
import { nextFreeVersion } from "../plan/version.ts";
import { type Absence, askForAll, findAbsence, lostPlatforms } from "../registry/absence.ts";
import { RegistryClient } from "../registry/client.ts";
import {
  type Endpoints,
  chartPushRef,
  chartRepository,
  imageRepository,
  pushRef,
} from "../registry/references.ts";
import type { Manifest } from "../registry/types.ts";
import type { ReleaseRecord } from "../releases/record.ts";
import { readRelease, recordRepository } from "../releases/store.ts";
import type { Recorded, RecordedArtifact } from "./recorded.ts";

/** Annotation of a chart's manifest, and of its `Chart.yaml`, that holds the key that it was made from. */
export const keyAnnotation = "dev.tinyolly.key";

/** What the registry says about one image or chart that is planned. */
export interface Presence {
  /** How it is not as the state recorded it; undefined where it is, or where the state has not recorded it as it is planned. */
  readonly absence?: Absence | undefined;
  /** `sha256:…` of the same content, which is there although this stack did not make it: nothing is to be made. */
  readonly existing?: string | undefined;
  /** Release that a chart was made for, which its package names; undefined where it is made for the one that is planned. */
  readonly since?: string | undefined;
  /** Whether it is there, so that nothing is pushed for it. */
  readonly stays: boolean;
  /** Whether the release has it under its version already. */
  readonly released: boolean;
  /** Why the release cannot have it under its version, with what to do; undefined where it can. */
  readonly conflict?: string | undefined;
}

/** What the registry says about all that is planned, by name. */
export interface Presences {
  readonly images: ReadonlyMap<string, Presence>;
  readonly charts: ReadonlyMap<string, Presence>;
  /** Whether the release's record is there; undefined where no release is made, or nobody asked. */
  readonly recorded?: boolean | undefined;
}

/** What {@link findPresences} compares. */
export interface PresenceQuestion {
  readonly plan: Plan;
  readonly recorded: Recorded;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
}

/**
 * Asks the registry, with reads only, what it has of what is planned. What a development stack changes anyway is not asked
 * for; a release is asked for everything, since others may have made parts of it, and no version of it may change.
 *
 * @throws RegistryError when it does not answer; only a 404 means that something is missing.
 */
export async function findPresences(question: PresenceQuestion): Promise<Presences> {
  const { plan, recorded, endpoints, release } = question;
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  // Read only where something seems to be in the way.
  let record: Promise<ReleaseRecord | undefined> | undefined;
  const look: Look = {
    client,
    endpoints,
    release,
    record: () =>
      (record ??= readRelease(client, endpoints.namespace, release ?? "").then(
        (found) => found?.record,
      )),
  };
  try {
    const images = await askForAll(plan.images, (image) =>
      lookAtImage(look, image, recorded.images.get(image.name)),
    );
    const found = byName(images);
    const charts = await askForAll(plan.charts, (chart) => {
      const stays = [...chart.images.values()].every(({ name }) => found.get(name)?.stays === true);
      return lookAtChart(look, chart, recorded.charts.get(chart.name), stays);
    });
    const recordedNow =
      release === undefined
        ? undefined
        : (await client.getManifest(recordRepository(endpoints.namespace), release)) !== undefined;
    return { images: found, charts: byName(charts), recorded: recordedNow };
  } finally {
    client.close();
  }
}

/** What is known without a look: what was not made by this stack is still taken to be there. */
export function assumedPresences({
  plan,
  recorded,
  endpoints,
  release,
}: PresenceQuestion): Presences {
  const assumed = (mine: RecordedArtifact | undefined): Presence => ({
    released: false,
    stays: mine !== undefined,
    existing: mine?.adopted === true ? mine.digest : undefined,
    since: sinceOf(mine, release),
  });
  return {
    images: new Map(
      plan.images.map((image) => [
        image.name,
        assumed(recordedImage(endpoints, image, recorded.images.get(image.name))),
      ]),
    ),
    charts: new Map(
      plan.charts.map((chart) => [
        chart.name,
        assumed(recordedChart(endpoints, chart, recorded.charts.get(chart.name))),
      ]),
    ),
  };
}

interface Look {
  readonly client: RegistryClient;
  readonly endpoints: Endpoints;
  readonly release: string | undefined;
  /** Record of the release, where it was made before. */
  readonly record: () => Promise<ReleaseRecord | undefined>;
}

/** What is said of a part that has to be made. */
const nothing: Presence = { stays: false, released: false };

async function lookAtImage(
  look: Look,
  image: ImagePlan,
  known: RecordedArtifact | undefined,
): Promise<Presence> {
  const { client, endpoints, release } = look;
  const { name, contentTag: tag, key } = image;
  const repository = imageRepository(endpoints, name);
  const mine = recordedImage(endpoints, image, known);
  const absence =
    mine &&
    (await findAbsence(client, { kind: "image", name, repository, tag, digest: mine.digest }));
  const asks = !mine && (known === undefined || release !== undefined);
  const found = asks ? await completeDigest(client, repository, tag) : undefined;
  const adopted = mine?.adopted === true && !absence ? mine.digest : undefined;
  const digest = mine?.digest ?? found;
  const content = { absence, existing: found ?? adopted, stays: digest !== undefined && !absence };
  if (release === undefined) return { ...content, released: false };

  const taken = await client.getManifest(repository, release);
  if (!taken || taken.digest === digest) return { ...content, released: taken !== undefined };
  const recordedThere = (await look.record())?.images[name];
  // The tag of its content may have been cleaned away.
  if (!mine && recordedThere?.key === key && recordedThere.digest === taken.digest)
    return { existing: taken.digest, stays: true, released: true };
  const next = `v${nextFreeVersion(release.slice(1), (await client.listTags(repository)).map(unprefixed))}`;
  return {
    ...content,
    released: false,
    conflict:
      `image "${name}": ${client.host}/${repository}:${release} is published with other content ` +
      `(${taken.digest}), and published versions are never overwritten; release the next one: ` +
      `git tag --annotate ${next} --message ${next}`,
  };
}

async function lookAtChart(
  look: Look,
  chart: ChartPlan,
  known: RecordedArtifact | undefined,
  imagesStay: boolean,
): Promise<Presence> {
  const { client, endpoints, release } = look;
  const { name, version: tag, key } = chart;
  const repository = chartRepository(endpoints, name);
  const mine = recordedChart(endpoints, chart, known);
  const released = release !== undefined;
  if (mine) {
    const { digest, adopted } = mine;
    const absence = await findAbsence(client, { kind: "chart", name, repository, tag, digest });
    const since = sinceOf(mine, look.release);
    if (!absence) return { existing: adopted ? digest : undefined, since, stays: true, released };
    // To push it again would overwrite what somebody else has published.
    return absence.cause === "tag-moved" && released
      ? { ...nothing, conflict: await chartConflict(look, chart, absence.detail) }
      : { ...nothing, absence, since };
  }
  if (known && !released) return nothing;
  const found = await client.getManifest(repository, tag);
  if (!found) return nothing;
  const where = `${client.host}/${repository}:${tag}`;
  if (found.annotations[keyAnnotation] !== key) {
    const what = `${where} is published with other content`;
    return { ...nothing, conflict: await chartConflict(look, chart, what) };
  }
  // Its values hold the digests that its images had.
  if (imagesStay) return { existing: found.digest, stays: true, released };
  const earlier = released ? await appVersionOf(client, repository, found) : undefined;
  if (earlier === undefined || earlier === chart.appVersion) return nothing;
  // Only a release that is recorded with it can do no better than to hope that the images come out the same.
  if ((await look.record())?.charts[name]?.digest === found.digest)
    return { ...nothing, since: earlier };
  const what = `${where} was made for ${earlier}, and an image in it has to be built again`;
  return { ...nothing, conflict: await chartConflict(look, chart, what) };
}

/** Release that a pushed chart was made for; undefined where it does not say. */
async function appVersionOf(
  client: RegistryClient,
  repository: string,
  { config }: Manifest,
): Promise<string | undefined> {
  const metadata = config && (await client.getBlob(repository, config));
  const { appVersion } = fields(metadata && parseJson(metadata));
  return typeof appVersion === "string" ? appVersion : undefined;
}

/** A chart that stays as it is belongs to later releases as well. */
function sinceOf(
  mine: RecordedArtifact | undefined,
  release: string | undefined,
): string | undefined {
  return release === undefined ? undefined : mine?.appVersion;
}

async function chartConflict(
  { client, endpoints }: Look,
  { name, version }: ChartPlan,
  what: string,
): Promise<string> {
  const next = nextFreeVersion(version, await client.listTags(chartRepository(endpoints, name)));
  return (
    `chart "${name}": ${what}, and published versions are never overwritten; ` +
    `set the next free one: make chart-version CHART=${name} VERSION=${next}`
  );
}

/** Digest under a tag, where the registry has it with all its platforms. */
async function completeDigest(
  client: RegistryClient,
  repository: string,
  tag: string,
): Promise<string | undefined> {
  const found = await client.getManifest(repository, tag);
  if (!found) return undefined;
  return (await lostPlatforms(client, repository, found)).length === 0 ? found.digest : undefined;
}

function recordedImage(
  endpoints: Endpoints,
  { name, contentTag, key }: ImagePlan,
  known: RecordedArtifact | undefined,
): RecordedArtifact | undefined {
  return asPlanned(known, pushRef(endpoints, name, contentTag), key);
}

function recordedChart(
  endpoints: Endpoints,
  { name, version, key }: ChartPlan,
  known: RecordedArtifact | undefined,
): RecordedArtifact | undefined {
  return asPlanned(known, chartPushRef(endpoints, name, version), key);
}

/** The recorded artifact, where the plan leaves it as it is. */
function asPlanned(
  recorded: RecordedArtifact | undefined,
  reference: string,
  key: string,
): RecordedArtifact | undefined {
  return recorded?.reference === reference && key.startsWith(recorded.key) ? recorded : undefined;
}

function unprefixed(tag: string): string {
  return tag.replace(/^v/, "");
}

function byName<P extends Presence>(
  looks: ReadonlyMap<{ readonly name: string }, P>,
): Map<string, P> {
  return new Map([...looks].map(([{ name }, look]) => [name, look]));
}
