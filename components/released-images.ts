import * as pulumi from "@pulumi/pulumi";
import { shortHash } from "../delivery/basics/sha256.ts";
import {
  type Origin,
  writeOrigin,
  originFile,
  originOfSources,
} from "../delivery/releases/origin.ts";
import type { ReleaseRegistry, ReleasedImage } from "../delivery/releases/record.ts";
import { type Signer, signer } from "../delivery/signing/signing.ts";
import { dependencies } from "./dependencies.ts";
import type { Image } from "./image.ts";
import type { Registry } from "./registry.ts";
import { scriptCommand } from "./script-command.ts";
import type { ReleaseImagesRequest } from "./scripts/tag-images.ts";

/** Inputs of {@link ReleasedImages}. */
export interface ReleasedImagesArgs {
  /** Version, such as `v2.1.8`. */
  readonly version: string;
  /** Registry that has the images. */
  readonly registry: Registry;
  /** All images of the release, by name. */
  readonly images: Readonly<Record<string, Image>>;
  /** How they are signed. @default - they are not */
  readonly signing?: Signer | undefined;
  /** Commit that they are made of, and who builds them. @default - what Git says when the component is made */
  readonly origin?: Origin | undefined;
  /** How often tags that went missing were and will be put back. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * Images that get the version of a release, once every one of them is in the registry with all its platforms. Their digests
 * stay those of their content, so an image that did not change is not built for a new release.
 *
 * @example
 * const released = new ReleasedImages("release-images", { version: "v2.1.8", registry, images: { webui } });
 */
export class ReleasedImages extends pulumi.ComponentResource {
  /** Version that the images get; known in preview. */
  public readonly version: pulumi.Output<string>;

  public constructor(
    name: string,
    args: ReleasedImagesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    const { version, registry, images, signing, pushes } = args;
    super("tinyolly:index:ReleasedImages", name, { version, keys: shortKeys(images) }, opts);

    const request: pulumi.Output<ReleaseImagesRequest> = pulumi.output({
      release: version,
      registry: releaseRegistry(registry),
      origin: originOf(args),
      images: releasedImages(images),
      ...(signing ? { signing: signer(signing) } : {}),
    });
    const run = { script: "tag-images", request, pushes };
    scriptCommand(name, run, { parent: this, dependsOn: dependencies(opts) });

    this.version = pulumi.output(version);
    this.registerOutputs({ version: this.version });
  }
}

/** The images as a release records them, by name. */
export function releasedImages(
  images: Readonly<Record<string, Image>>,
): pulumi.Output<Record<string, ReleasedImage>> {
  const parts = Object.entries(images).map(([name, { plan, digest }]) => {
    const part = plan.with(digest, (plan, digest): ReleasedImage => {
      const { name: path, key, tag, platforms, buildArgs, bases, needs } = plan;
      return {
        ...{ path, key, tag, digest, platforms, buildArgs },
        bases: Object.fromEntries(bases),
        needs: [...needs.values()].map((need) => need.name),
      };
    });
    return [name, part] as const;
  });
  // Its entries are those of the map of images.
  return pulumi.output(Object.fromEntries(parts));
}

/** Start of the key of each image or chart, by name. */
export function shortKeys(
  parts: Readonly<Record<string, { readonly key: pulumi.Output<string> }>>,
): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, { key }]) => [name, key.apply(shortHash)]),
  );
}

/** File in which the scripts of a release find its origin. */
export function originOf({
  version,
  origin,
}: Pick<ReleasedImagesArgs, "version" | "origin">): string {
  if (!pulumi.runtime.isDryRun()) writeOrigin(version, origin ?? originOfSources());
  return originFile(version);
}

/** Where the scripts of a release find the registry. */
export function releaseRegistry({ endpoints }: Registry): ReleaseRegistry {
  return { host: endpoints.push, tls: endpoints.pushTls, namespace: endpoints.namespace };
}
