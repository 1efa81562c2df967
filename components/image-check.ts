import { fields, parseJson } from "./json-fields";
import type { ChildManifest, Manifest, RegistryClient } from "./registry-client";

/** An image as it must be in the registry. */
export interface WantedImage {
  /** Path in the registry, without its host. */
  readonly repository: string;
  /** `sha256:…` of its manifest or index. */
  readonly digest: string;
  readonly platforms: readonly string[];
}

/**
 * Asks the registry whether an image is there by its digest, with all its platforms, each of which says in its own
 * configuration that it is for that platform.
 *
 * @returns what is wrong, as a sentence without its end; undefined when nothing is.
 * @throws RegistryError when the registry could not be asked.
 */
export async function imageProblem(
  client: RegistryClient,
  { repository, digest, platforms }: WantedImage,
): Promise<string | undefined> {
  const name = `${client.host}/${repository}@${digest}`;
  const manifest = await client.manifest(repository, digest);
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
  /** As the index has it; undefined where there is no index. */
  readonly claimed: string | undefined;
  /** As the configuration has it; undefined where that is missing. */
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
      const child = await client.manifest(repository, digest);
      const actual = child && (await configuredPlatform(client, repository, child));
      return { claimed: platform, actual };
    }),
  );
}

async function configuredPlatform(
  client: RegistryClient,
  repository: string,
  { config }: Manifest,
): Promise<string | undefined> {
  const text = config && (await client.blob(repository, config));
  if (!text) return undefined;
  const { os, architecture, variant } = fields(parseJson(text));
  const parts = [os, architecture, variant].filter((part) => typeof part === "string" && part);
  // The usual variant of its architecture, which indexes leave out.
  return parts.join("/").replace(/^linux\/arm64\/v8$/, "linux/arm64");
}
