import { fields, parseJson } from "../basics/json-fields.ts";
import { sha256 } from "../basics/sha256.ts";
import type { RegistryClient } from "./client.ts";
import { platformName } from "./manifest-reader.ts";
import type { ChildManifest, Manifest } from "./types.ts";

/** Image that must be in the registry. */
export interface WantedImage {
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
  readonly platforms: readonly string[];
}

/**
 * Checks that an image is in the registry by its digest, with all its platforms, and that the configuration of each names
 * the same platform as the index.
 *
 * @returns the first problem, as a sentence without its end; undefined when there is none.
 * @throws RegistryError when the registry could not be asked.
 */
export async function imageProblem(
  client: RegistryClient,
  { repository, digest, platforms }: WantedImage,
): Promise<string | undefined> {
  const name = `${client.host}/${repository}@${digest}`;
  const manifest = await client.getManifest(repository, digest);
  if (!manifest) return `${name} is not in the registry`;
  const parts = await platformParts(client, repository, manifest);
  const problems = platforms.map((platform) => {
    const part =
      parts.find((one) => one.claimed === platform) ??
      parts.find(({ claimed }) => claimed === undefined);
    if (!part) {
      const there = parts.flatMap(({ claimed }) => claimed ?? []).join(", ");
      return `${name} has no ${platform}, but ${there || "nothing that runs"}`;
    }
    if (part.actual === platform) return undefined;
    return part.actual === undefined
      ? `${platform} of ${name} is not in the registry`
      : `${platform} of ${name} holds a program for ${part.actual}`;
  });
  return problems.find((problem) => problem !== undefined);
}

/** One platform of an image. */
interface Part {
  /** Platform in the index; undefined where there is no index. */
  readonly claimed: string | undefined;
  /** Platform in the configuration; undefined where that is missing. */
  readonly actual: string | undefined;
}

async function platformParts(
  client: RegistryClient,
  repository: string,
  manifest: Manifest,
): Promise<Part[]> {
  if (manifest.config) {
    return [{ claimed: undefined, actual: await configuredPlatform(client, repository, manifest) }];
  }
  const children = manifest.children.filter(({ platform }) => platform !== undefined);
  return Promise.all(
    children.map(async ({ platform, digest }: ChildManifest): Promise<Part> => {
      const child = await client.getManifest(repository, digest);
      const actual = child && (await configuredPlatform(client, repository, child));
      return { claimed: platform, actual };
    }),
  );
}

/** Platform that an image's own configuration names; undefined where that is gone or damaged, or names none. */
export async function configuredPlatform(
  reader: Pick<RegistryClient, "getBlob">,
  repository: string,
  { config }: Pick<Manifest, "config">,
): Promise<string | undefined> {
  const text = config && (await reader.getBlob(repository, config));
  if (!text || `sha256:${sha256(text)}` !== config.digest) return undefined;
  const { os, architecture } = fields(parseJson(text));
  if (typeof os !== "string" || typeof architecture !== "string") return undefined;
  return plainPlatform(platformName(parseJson(text)));
}

/** Drops the variant of 64-bit ARM, which has only one, so that some tools leave it out. */
export function plainPlatform(platform: string): string {
  return platform.replace(/^(\w+\/arm64)\/v8$/, "$1");
}
