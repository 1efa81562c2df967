/**
 * Makes images part of a release: `node --require ./run-typescript.cjs components/release-images.ts < request.json`.
 *
 * Reads a {@link ReleaseImagesRequest} from standard input. It asks the registry for every image by its digest, with all
 * platforms, and only then puts the release's tags on them; a tag that is there already is never moved. Prints the
 * digests by name as one line. Credentials come from the environment and from Docker's configuration.
 */
import { readFileSync } from "node:fs";
import { imageProblem } from "./image-check";
import { InputError } from "./input-error";
import { askForAll } from "./published";
import type { Tls } from "./references";
import { RegistryClient } from "./registry-client";
import { runScript } from "./script";

/** Images, and the release that they become part of. */
export interface ReleaseImagesRequest {
  readonly release: string;
  readonly registry: ReleaseRegistry;
  readonly images: readonly ImageToRelease[];
}

/** Where a release is published. */
export interface ReleaseRegistry {
  readonly host: string;
  readonly tls: Tls;
  /** Path before image and chart names. */
  readonly namespace: string;
}

/** An image that was pushed under the tag of its content. */
export interface ImageToRelease {
  readonly name: string;
  /** Path in the registry, without its host. */
  readonly repository: string;
  readonly digest: string;
  readonly platforms: readonly string[];
}

async function main(): Promise<void> {
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as ReleaseImagesRequest;
  const { registry, images } = request;
  const client = new RegistryClient(registry);
  try {
    await requireAll(client, images);
    const taken = await askForAll(images, (image) => tagOf(client, request.release, image));
    requireFree(request, client, taken);
    for (const [image, digest] of taken)
      if (digest === undefined) await putTag(client, request.release, image);
    const digests = images.map(({ name, digest }) => [name, digest]);
    process.stdout.write(`${JSON.stringify(Object.fromEntries(digests))}\n`);
  } finally {
    client.close();
  }
}

async function requireAll(
  client: RegistryClient,
  images: readonly ImageToRelease[],
): Promise<void> {
  const answers = await askForAll(images, (image) => imageProblem(client, image));
  const problems = [...answers.values()].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new InputError(
    `${problems.join("\n")}\nNothing of the release was tagged; run pulumi up again, which pushes what is missing`,
  );
}

async function tagOf(
  client: RegistryClient,
  release: string,
  { repository }: ImageToRelease,
): Promise<string | undefined> {
  return (await client.manifest(repository, release))?.digest;
}

/** Somebody else may have published the version since it was planned. */
function requireFree(
  { release, registry }: ReleaseImagesRequest,
  { host }: RegistryClient,
  taken: ReadonlyMap<ImageToRelease, string | undefined>,
): void {
  const conflicts = [...taken].filter(
    ([image, digest]) => digest !== undefined && digest !== image.digest,
  );
  if (conflicts.length === 0) return;
  const names = conflicts.map(([{ name }, digest]) => `${name} (${digest ?? ""})`).join(", ");
  throw new InputError(
    `${release} was published with other content in the meantime: ${names} in ${host}/${registry.namespace}; ` +
      `published versions are never overwritten, and nothing of this release was tagged, so release the next version`,
  );
}

async function putTag(
  client: RegistryClient,
  release: string,
  { name, repository, digest }: ImageToRelease,
): Promise<void> {
  const manifest = await client.manifest(repository, digest);
  if (!manifest)
    throw new InputError(`${client.host}/${repository}@${digest} is gone; run pulumi up again`);
  await client.putManifest(repository, release, manifest);
  process.stderr.write(`${name} ${release} is ${digest}\n`);
}

runScript(main);
