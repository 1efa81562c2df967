import { InputError } from "./input-error";

/** Version of a chart as `Chart.yaml` holds it: semantic version 2 without build metadata, which OCI tags cannot hold. */
export const chartVersionPattern =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-z-][0-9a-z-]*))*)?$/i;

/** What decides tags and versions besides the content. */
export interface VersionScheme {
  /** Line of releases that development versions lead to, such as `v2.1`. */
  readonly line: string;
  /** Release such as `v2.1.8` that replaces derived versions; undefined derives them. */
  readonly release?: string | undefined;
}

/** Line of releases (`v2.1`) of a version (`2.1.0`). */
export function releaseLine(version: string): string {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  if (!match)
    throw new InputError(
      `"${version}" is not a version such as 2.1.0; give package.json one of the form MAJOR.MINOR.PATCH`,
    );
  return `v${match[1]}.${match[2]}`;
}

/** Tag of an image: the release, else `v2.1.x-h<key>`, which changes with the content and only with it. */
export function imageTag(scheme: VersionScheme, key: string): string {
  return scheme.release ?? developmentVersion(scheme, key);
}

/** Version of a chart: its own in a release, else `<own>-v2.1.x-h<key>`. */
export function chartVersion(scheme: VersionScheme, ownVersion: string, key: string): string {
  return scheme.release === undefined
    ? `${ownVersion}-${developmentVersion(scheme, key)}`
    : ownVersion;
}

/** The letter before the key keeps an all-digit key with a leading zero a valid semantic version. */
function developmentVersion({ line }: VersionScheme, key: string): string {
  return `${line}.x-h${key.slice(0, 12)}`;
}
