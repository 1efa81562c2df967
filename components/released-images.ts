import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../delivery/plan/plan.ts";
import type { ReleaseRegistry, ReleasedImage } from "../delivery/releases/record.ts";
import { type Signer, signer } from "../delivery/signing/signing.ts";
import type { Image } from "./image.ts";
import type { Registry } from "./registry.ts";
import { scriptCommand } from "./script-command.ts";
import type { ReleaseImagesRequest } from "./scripts/tag-images.ts";

/** Inputs of {@link ReleasedImages}. */
export interface ReleasedImagesArgs {
  /** Version, such as `v2.1.8`. */
  readonly version: string;
  /** What is planned, of which this takes the images. */
  readonly plan: Pick<Plan, "images">;
  /** The same images, by name. */
  readonly images: ReadonlyMap<string, Image>;
  readonly registry: Registry;
  /** How they are signed. @default - they are not */
  readonly signing?: Signer | undefined;
  /** How often tags that went missing were and will be put back. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * Images that get the version of a release, once every one of them is in the registry with all its platforms. Their digests
 * stay those of their content, so an image that did not change is not built for a new release.
 *
 * @example
 * const released = new ReleasedImages("release-images", { version: "v2.1.8", plan, images, registry });
 */
export class ReleasedImages extends pulumi.ComponentResource {
  /** Version that the images get; known in preview. */
  public readonly version: pulumi.Output<string>;

  public constructor(
    name: string,
    args: ReleasedImagesArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    const { version, plan, images, registry, signing, pushes } = args;
    const keys = plan.images.map(({ name, key }) => [name, key.slice(0, 12)] as const);
    super("tinyolly:index:ReleasedImages", name, { version, keys: Object.fromEntries(keys) }, opts);

    const request: pulumi.Output<ReleaseImagesRequest> = pulumi.output({
      release: version,
      registry: releaseRegistry(registry),
      images: releasedImages(plan, images),
      ...(signing ? { signing: signer(signing) } : {}),
    });
    scriptCommand(name, { script: "tag-images", request, pushes }, { parent: this });

    this.version = pulumi.output(version);
    this.registerOutputs({ version: this.version });
  }
}

/** The images as a release records them, by name. */
export function releasedImages(
  plan: Pick<Plan, "images">,
  images: ReadonlyMap<string, Image>,
): Record<string, pulumi.Output<ReleasedImage>> {
  return Object.fromEntries(
    plan.images.map((image) => [
      image.name,
      pulumi.output({
        path: image.name,
        key: image.key,
        tag: image.tag,
        digest: required(images, image.name).digest,
        platforms: image.platforms,
        buildArgs: image.buildArgs,
        bases: Object.fromEntries(image.bases),
        needs: image.needs.map(({ name }) => name),
      }),
    ]),
  );
}

/** Where the scripts of a release find the registry. */
export function releaseRegistry({ endpoints }: Registry): ReleaseRegistry {
  return { host: endpoints.push, tls: endpoints.pushTls, namespace: endpoints.namespace };
}

/** A part of a release, which must have been made. */
export function required<Part>(parts: ReadonlyMap<string, Part>, name: string): Part {
  const part = parts.get(name);
  if (!part) throw new pulumi.RunError(`the release holds "${name}", which was not made`);
  return part;
}
