import { configuredPlatform, plainPlatform } from "../../delivery/registry/image-platforms.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import type { ArtifactReader } from "../../delivery/signing/artifact-reader.ts";

/** A platform of an image: what the index says, and what the platform's own configuration says. */
export interface Platform {
  /** Such as `linux/arm64`. */
  readonly platform: string;
  /** `sha256:…` of its manifest. */
  readonly digest: string;
  /** Undefined where the manifest or its configuration is gone or damaged. */
  readonly configured: string | undefined;
}

/** Reads the platforms of an index, or the one of an image that has none. */
export async function readPlatforms(
  reader: ArtifactReader,
  repository: string,
  manifest: Manifest,
): Promise<Platform[]> {
  if (manifest.children.length === 0) {
    const configured = await configuredPlatform(reader, repository, manifest);
    return [{ platform: configured ?? "unknown", digest: manifest.digest, configured }];
  }
  const platforms: Platform[] = [];
  for (const { platform, digest } of manifest.children) {
    if (platform === undefined) continue;
    const child = await reader.getManifest(repository, digest);
    const configured = child && (await configuredPlatform(reader, repository, child));
    platforms.push({ platform: plainPlatform(platform), digest, configured });
  }
  return platforms;
}

/** What is wrong with an image's platforms: missing ones, some too many, and those that are not what they say. */
export function platformProblems(
  platforms: readonly Platform[],
  wanted: readonly string[] | undefined,
): string[] {
  const names = platforms.map(({ platform }) => platform);
  const missing = (wanted ?? []).filter((one) => !names.includes(one));
  const extra = wanted ? names.filter((one) => !wanted.includes(one)) : [];
  return [
    ...missing.map((one) => `${one} is missing`),
    ...extra.map((one) => `${one} should not be there`),
    ...platforms.flatMap(({ platform, configured }) => {
      if (configured === undefined) return [`the image for ${platform} is not whole`];
      return configured === platform ? [] : [`the image for ${platform} is one for ${configured}`];
    }),
  ];
}
