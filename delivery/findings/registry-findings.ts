import { isDeepStrictEqual } from "node:util";
import { fields, parseJson } from "../basics/json-fields.ts";
import { keyAnnotation } from "../plan/chart-package.ts";
import type { ChartPlan } from "../plan/chart-plan.ts";
import type { ImagePlan } from "../plan/image-plan.ts";
import type { Plan } from "../plan/plan.ts";
import { nextFreeVersion } from "../plan/version.ts";
import { RegistryClient } from "../registry/client.ts";
import { askForAll, findDrift, lostPlatforms } from "../registry/drift.ts";
import {
  type Endpoints,
  chartPushRef,
  chartRepository,
  imageRepository,
  pushRef,
} from "../registry/references.ts";
import type { Manifest } from "../registry/types.ts";
import { findLostAliases } from "../releases/aliases.ts";
import {
  type StoredRelease,
  readRelease,
  recordRepository,
  releaseParts,
} from "../releases/store.ts";
import { hasSignature } from "../signing/attachments.ts";
import { type Signer, signer } from "../signing/signing.ts";
import type { Finding, Findings, ReleaseFinding } from "./finding.ts";
import type { Recorded, RecordedArtifact, RecordedRelease } from "./recorded.ts";

/** What registry and state say about images, charts and the release. */
export type RegistryFindings = Pick<Findings, "images" | "charts" | "release">;

/** What {@link findInRegistry} compares. */
export interface RegistryQuestion {
  readonly plan: Plan;
  readonly recorded: Recorded;
  readonly endpoints: Endpoints;
  /** Release that is made. @default - content decides */
  readonly release?: string | undefined;
  /** Templates of the aliases that it takes. @default - none */
  readonly aliases?: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: Signer | undefined;
}

/**
 * Asks the registry, with reads only, what it has of what is planned. What a development stack changes anyway is not asked
 * for; a release is asked for everything, since others may have made parts of it, and no version of it may change.
 *
 * @throws RegistryError when it does not answer; only a 404 means that something is missing.
 */
export async function findInRegistry(question: RegistryQuestion): Promise<RegistryFindings> {
  const { plan, recorded, endpoints, release } = question;
  const client = new RegistryClient({ host: endpoints.push, tls: endpoints.pushTls });
  // Read only where something seems to be in the way.
  let stored: Promise<StoredRelease | undefined> | undefined;
  const look: Look = {
    client,
    endpoints,
    release,
    stored: () => (stored ??= readRelease(client, endpoints.namespace, release ?? "")),
  };
  try {
    const images = await askForAll(plan.images, async (image) => {
      const known = recorded.images.get(image.name);
      return finding(known, await lookAtImage(look, image, known));
    });
    const found = byName(images);
    const charts = await askForAll(plan.charts, async (chart) => {
      const stays = [...chart.images.values()].every(({ name }) => found.get(name)?.stays === true);
      const known = recorded.charts.get(chart.name);
      return finding(known, await lookAtChart(look, chart, known, stays));
    });
    return {
      images: found,
      charts: byName(charts),
      release: await lookAtRelease(look, question, found),
    };
  } finally {
    client.close();
  }
}

/** What is known without a look: what was not made by this stack is still taken to be there. */
export function assumeInRegistry({
  plan,
  recorded,
  endpoints,
  release,
}: RegistryQuestion): RegistryFindings {
  const assumed = (mine: RecordedArtifact | undefined): Seen => ({
    released: false,
    stays: mine !== undefined,
    existing: mine?.adopted === true ? mine.digest : undefined,
  });
  return {
    images: new Map(
      plan.images.map((image) => {
        const known = recorded.images.get(image.name);
        return [image.name, finding(known, assumed(recordedImage(endpoints, image, known)))];
      }),
    ),
    charts: new Map(
      plan.charts.map((chart) => {
        const known = recorded.charts.get(chart.name);
        const mine = recordedChart(endpoints, chart, known);
        const since = sinceOf(mine, chart, release);
        return [chart.name, finding(known, { ...assumed(mine), since })];
      }),
    ),
    release: { pushes: recorded.release?.pushes ?? 0 },
  };
}

/** A finding without what follows from the state. */
type Seen = Omit<Finding, "pushes" | "lost">;

function finding(known: RecordedArtifact | undefined, seen: Seen): Finding {
  const { pushes = 0, digest, adopted = false } = known ?? {};
  if (!seen.drift) return { ...seen, pushes };
  // What no resource of this stack made is made anew, and not once more.
  return { ...seen, pushes: pushes + (adopted ? 0 : 1), lost: digest };
}

/** Looks whether a release that this stack made before is whole. */
async function lookAtRelease(
  look: Look,
  question: RegistryQuestion,
  images: Findings["images"],
): Promise<ReleaseFinding> {
  const { client, endpoints, release } = look;
  const known = question.recorded.release;
  const pushes = known?.pushes ?? 0;
  if (release === undefined) return { pushes };
  const recorded =
    (await client.getManifest(recordRepository(endpoints.namespace), release)) !== undefined;
  if (known?.version !== release) return { pushes, recorded };
  const untagged = [...images].flatMap(([name, { released }]) => (released ? [] : [name]));
  const stored = recorded ? await look.stored() : undefined;
  const [aliases, unsigned] = stored
    ? await Promise.all([
        lostAliases(look, stored, question, known),
        unsignedParts(look, stored, question, known),
      ])
    : [[], []];
  const missing = [
    ...(untagged.length === 0 ? [] : [`${untagged.join(", ")} of ${release}`]),
    ...(recorded ? [] : [`the record of ${release}`]),
    ...(aliases.length === 0 ? [] : [`the alias ${aliases.join(", ")} on ${release}`]),
    ...(unsigned.length === 0 ? [] : [`a signature of ${unsigned.join(", ")}`]),
  ].join(" and ");
  return missing === "" ? { pushes, recorded } : { pushes: pushes + 1, recorded, missing };
}

/** Aliases that the release had before; one that is new in the settings is put there anyway. */
async function lostAliases(
  { client, endpoints }: Look,
  stored: StoredRelease,
  { aliases = [] }: RegistryQuestion,
  { fingerprint }: RecordedRelease,
): Promise<string[]> {
  const before = aliases.filter((alias) => fingerprint.settings.aliases.includes(alias));
  return findLostAliases(client, endpoints.namespace, stored, before);
}

/** Parts of the release that were signed before and are not any more; what was not, or by somebody else, is signed anyway. */
async function unsignedParts(
  { client, endpoints: { namespace } }: Look,
  { record, digest }: StoredRelease,
  { signing }: RegistryQuestion,
  { fingerprint }: RecordedRelease,
): Promise<string[]> {
  if (!signing || !isDeepStrictEqual(fingerprint.settings.signing, signer(signing))) return [];
  const parts = releaseParts(record).map(({ kind, name, path, digest }) => ({
    ...{ label: `${kind} ${name}`, repository: `${namespace}/${path}`, digest },
  }));
  const signed = await askForAll(
    [...parts, { label: "the record", repository: recordRepository(namespace), digest }],
    ({ repository, digest }) => hasSignature(client, repository, digest),
  );
  return [...signed].flatMap(([{ label }, isSigned]) => (isSigned ? [] : [label]));
}

interface Look {
  readonly client: RegistryClient;
  readonly endpoints: Endpoints;
  readonly release: string | undefined;
  /** Record of the release, where it was made before, and its digest. */
  readonly stored: () => Promise<StoredRelease | undefined>;
}

/** What is said of a part that has to be made. */
const nothing: Seen = { stays: false, released: false };

async function lookAtImage(
  look: Look,
  image: ImagePlan,
  known: RecordedArtifact | undefined,
): Promise<Seen> {
  const { client, endpoints, release } = look;
  const { name, contentTag: tag, key } = image;
  const repository = imageRepository(endpoints, name);
  const mine = recordedImage(endpoints, image, known);
  const drift = mine && (await findDrift(client, { repository, tag, digest: mine.digest }));
  const asks = !mine && (known === undefined || release !== undefined);
  const found = asks ? await completeDigest(client, repository, tag) : undefined;
  const adopted = mine?.adopted === true && !drift ? mine.digest : undefined;
  const digest = mine?.digest ?? found;
  const content = { drift, existing: found ?? adopted, stays: digest !== undefined && !drift };
  if (release === undefined) return { ...content, released: false };

  const taken = await client.getManifest(repository, release);
  if (!taken || taken.digest === digest) return { ...content, released: taken !== undefined };
  const recordedThere = (await look.stored())?.record.images[name];
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
): Promise<Seen> {
  const { client, endpoints, release } = look;
  const { name, path, version: tag, key } = chart;
  const repository = chartRepository(endpoints, name);
  const mine = recordedChart(endpoints, chart, known);
  const released = release !== undefined;
  const rebuilt = `chart "${name}" ${tag} holds an image that is built again`;
  const warning = `${rebuilt}; where that comes out with another digest, up does not overwrite the chart and fails: then raise the version in ${path}/Chart.yaml`;
  let toMake: Seen = nothing;
  if (mine) {
    const { digest, adopted = false } = mine;
    const drift = await findDrift(client, { repository, tag, digest });
    const since = sinceOf(mine, chart, release);
    // To push it again would overwrite what somebody else has published.
    if (drift?.cause === "tag-moved" && released)
      return { ...nothing, conflict: await chartConflict(look, chart, drift.detail) };
    if (drift) return { ...nothing, drift, since };
    if (imagesStay) return { existing: adopted ? digest : undefined, since, stays: true, released };
    if (!adopted) return { since, stays: true, released, warning };
    // It is made as one that nobody recorded, since it holds what is gone.
    toMake = { ...nothing, drift: { cause: "image-of-chart", detail: rebuilt } };
  } else if (known && !released) return nothing;
  const found = await client.getManifest(repository, tag);
  if (!found) return toMake;
  const where = `${client.host}/${repository}:${tag}`;
  if (found.annotations[keyAnnotation] !== key) {
    const what = `${where} is published with other content`;
    return { ...nothing, conflict: await chartConflict(look, chart, what) };
  }
  // Its values hold the digests that its images had.
  if (imagesStay) return { existing: found.digest, stays: true, released };
  const earlier = released ? await appVersionOf(client, repository, found) : undefined;
  if (earlier === undefined || earlier === chart.appVersion) return { ...toMake, warning };
  // Only a release that is recorded with it can do no better than to hope that the images come out the same.
  if ((await look.stored())?.record.charts[name]?.digest === found.digest)
    return { ...toMake, since: earlier, warning };
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
  { appVersion }: Pick<ChartPlan, "appVersion">,
  release: string | undefined,
): string | undefined {
  return release === undefined || mine?.appVersion === appVersion ? undefined : mine?.appVersion;
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

function byName<Found>(looks: ReadonlyMap<{ readonly name: string }, Found>): Map<string, Found> {
  return new Map([...looks].map(([{ name }, look]) => [name, look]));
}
