import { InputError } from "../../delivery/basics/input-error.ts";
import { sha256 } from "../../delivery/basics/sha256.ts";
import {
  type RecordedArtifact,
  type StateResource,
  readRecorded,
  resourceName,
} from "../../delivery/findings/recorded.ts";
import {
  type ChartFingerprint,
  type ImageFingerprint,
  markedImage,
  unlockedBase,
} from "../../delivery/plan/fingerprint.ts";
import { contentTag } from "../../delivery/plan/version.ts";
import { chartPath } from "../../delivery/registry/references.ts";
import type {
  ReleaseRecord,
  ReleasedChart,
  ReleasedImage,
} from "../../delivery/releases/record.ts";

/**
 * What a stack has published, as the record of a release, although none was made: a development stack records nothing. Its
 * version follows from the keys of all that it holds.
 *
 * @param pullFrom `host/namespace` from which its charts pull images.
 * @param line Line of releases such as `v2.1`.
 * @throws InputError when the stack was never run, or a run ended before everything was published.
 */
export function releaseOfState(
  stack: string,
  resources: readonly StateResource[],
  pullFrom: string,
  line: string,
): ReleaseRecord {
  const recorded = readRecorded(resources);
  const images: Record<string, ReleasedImage> = {};
  const charts: Record<string, ReleasedChart> = {};
  for (const resource of resources) {
    const name = resourceName(resource);
    // The components register these fingerprints as their inputs.
    if (resource.type === "tinyolly:index:Image") {
      const fingerprint = resource.inputs as unknown as ImageFingerprint;
      images[name] = {
        path: name,
        key: fingerprint.key,
        tag: fingerprint.tag,
        digest: requireDigest(stack, name, fingerprint.key, recorded.images.get(name)),
        // Settings are told apart by their names.
        platforms: fingerprint.settings["platforms"] as readonly string[],
        buildArgs: fingerprint.buildArgs,
        bases: lockedBases(fingerprint.bases),
        needs: Object.keys(fingerprint.needs),
      };
    } else if (resource.type === "tinyolly:index:Chart") {
      const fingerprint = resource.inputs as unknown as ChartFingerprint;
      charts[name] = {
        path: chartPath(name),
        key: fingerprint.key,
        version: fingerprint.version,
        digest: requireDigest(stack, name, fingerprint.key, recorded.charts.get(name)),
        pullFrom,
        images: [...new Set(Object.values(fingerprint.images).map(markedImage))].sort(),
      };
    }
  }
  if (Object.keys(charts).length === 0) {
    throw new InputError(
      `stack "${stack}" has published nothing; run pulumi up --stack ${stack} first`,
    );
  }
  const keys = [...Object.entries(images), ...Object.entries(charts)].map(([name, { key }]) => [
    name,
    key,
  ]);
  const release = contentTag({ line }, sha256(JSON.stringify(keys.sort())));
  return { form: 1, release, images, charts, tools: {} };
}

/** Digest of each base; the fingerprint in a state has a word for those that have none. */
function lockedBases(bases: ImageFingerprint["bases"]): Record<string, string> {
  const entries = Object.entries(bases);
  return Object.fromEntries(
    entries.map(([reference, digest]) => [reference, digest === unlockedBase ? "" : digest]),
  );
}

/** Pulumi notes what a component is to be even where a build or push below it then fails. */
function requireDigest(
  stack: string,
  name: string,
  key: string,
  published: RecordedArtifact | undefined,
): string {
  if (published && published.digest !== "" && key.startsWith(published.key))
    return published.digest;
  throw new InputError(
    `"${name}" of stack "${stack}" was not published in the last run; run pulumi up --stack ${stack} again`,
  );
}
