/**
 * Makes images part of a release: `node components/scripts/tag-images.ts < request.json`.
 *
 * Reads a {@link ReleaseImagesRequest} from standard input. It asks the registry for every image by its digest, with all
 * platforms, signs and describes them where that is asked for, and only then puts the release's tags on them; a tag that is there
 * already is never moved. Prints the digests by name as one line. Credentials come from the environment and from Docker's configuration.
 */
import { readFileSync } from "node:fs";
import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { askForAll } from "../../delivery/registry/drift.ts";
import { imageProblem } from "../../delivery/registry/image-platforms.ts";
import { readOrigin } from "../../delivery/releases/origin.ts";
import type { ReleaseRegistry, ReleasedImage } from "../../delivery/releases/record.ts";
import { claimTag } from "../../delivery/releases/tag.ts";
import { attester } from "../../delivery/signing/attester.ts";
import type { Signer } from "../../delivery/signing/signing.ts";
import { runScript } from "./script.ts";

/** Images, and the release that they become part of. */
export interface ReleaseImagesRequest {
  readonly release: string;
  readonly registry: ReleaseRegistry;
  /** File with the commit that was planned and who builds it. */
  readonly origin: string;
  /** By name; each was pushed under the tag of its content. */
  readonly images: Readonly<Record<string, ReleasedImage>>;
  /** How they are signed. @default - they are not */
  readonly signing?: Signer;
}

/** An image, and where it is. */
interface PlacedImage extends ReleasedImage {
  readonly name: string;
  /** Path in the registry, without its host. */
  readonly repository: string;
}

async function main(): Promise<void> {
  // The component writes exactly this type.
  const request = JSON.parse(readFileSync(0, "utf8")) as ReleaseImagesRequest;
  const { registry, release, signing } = request;
  const images = Object.entries(request.images).map(([name, image]): PlacedImage => ({
    ...{ ...image, name, repository: `${registry.namespace}/${image.path}` },
  }));
  const client = new RegistryClient(registry);
  try {
    await requireAll(client, images);
    await requireFree(request, client, images);
    const attest = attester({ registry, signing, client });
    // Whoever finds the version finds its signatures.
    if (attest) {
      await attest(
        { images: request.images, charts: {}, ...readOrigin(request.origin) },
        { images: true },
      );
      // That took its time.
      await requireFree(request, client, images);
    }
    for (const image of images) await tagImage(client, release, image);
    const digests = images.map(({ name, digest }) => [name, digest]);
    process.stdout.write(`${JSON.stringify(Object.fromEntries(digests))}\n`);
  } finally {
    client.close();
  }
}

async function requireAll(client: RegistryClient, images: readonly PlacedImage[]): Promise<void> {
  const answers = await askForAll(images, (image) => imageProblem(client, image));
  const problems = [...answers.values()].filter((problem) => problem !== undefined);
  if (problems.length === 0) return;
  throw new InputError(
    `${problems.join("\n")}\nNothing of the release was tagged; run pulumi up again, which pushes what is missing`,
  );
}

/** Somebody else may have published the version since it was planned. */
async function requireFree(
  { release, registry }: ReleaseImagesRequest,
  client: RegistryClient,
  images: readonly PlacedImage[],
): Promise<void> {
  const taken = await askForAll(images, async ({ repository }) => {
    return (await client.getManifest(repository, release))?.digest;
  });
  const conflicts = [...taken].filter(
    ([image, digest]) => digest !== undefined && digest !== image.digest,
  );
  if (conflicts.length === 0) return;
  const names = conflicts.map(([{ name }, digest]) => `${name} (${digest ?? ""})`).join(", ");
  throw new InputError(
    `${release} was published with other content in the meantime: ${names} in ${client.host}/${registry.namespace}; ` +
      `published versions are never overwritten, and nothing of this release was tagged, so release the next version`,
  );
}

async function tagImage(
  client: RegistryClient,
  release: string,
  { name, repository, digest }: PlacedImage,
): Promise<void> {
  if (await claimTag(client, { repository, digest }, release))
    process.stderr.write(`${name} ${release} is ${digest}\n`);
}

runScript(main);
