import * as dockerbuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import type { ImagePlan } from "./plan";
import type { PullRef } from "./references";
import type { Registry } from "./registry";
import { sourceMark } from "./source-tree";
import { sourceDateEpoch, stageContext } from "./staging";

/** Inputs of {@link Image}. */
export interface ImageArgs {
  /** What to build: sources, key and tag. */
  readonly plan: ImagePlan;
  /** Where the image is pushed and pulled. */
  readonly registry: Registry;
  /** Name of the buildx builder. */
  readonly builder: string;
}

/**
 * One multi-platform OCI image, built by BuildKit and pushed under a tag that changes exactly when its content does.
 *
 * @example
 * const webui = new Image("webui", { plan, registry, builder: "tinyolly" });
 */
export class Image extends pulumi.ComponentResource {
  /** `host/repository` from which nodes pull; known in preview. */
  public readonly repository: pulumi.Output<PullRef>;
  /** Tag; known in preview. */
  public readonly tag: pulumi.Output<string>;
  /** `sha256:…` of the image, or of its index when it has several platforms; unknown until it is pushed. */
  public readonly digest: pulumi.Output<string>;

  public constructor(name: string, args: ImageArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, registry } = args;
    super("tinyolly:index:Image", name, { sources: imageSources(plan), key: plan.key }, opts);

    const staged = stageContext(plan);
    const image = new dockerbuild.Image(
      name,
      {
        tags: [registry.pushRef(plan.name, plan.tag)],
        context: { location: staged.context },
        dockerfile: { location: staged.dockerfile },
        ...(plan.target === undefined ? {} : { target: plan.target }),
        platforms: plan.platforms.map(toPlatform),
        buildArgs: { ...plan.buildArgs, SOURCE_DATE_EPOCH: String(sourceDateEpoch) },
        builder: { name: args.builder },
        buildOnPreview: false,
        push: false,
        exports: [{ raw: exportSpec(registry) }],
      },
      // The registry keeps what was published: other stacks and releases may share the digest.
      { parent: this, retainOnDelete: true },
    );

    this.repository = pulumi.output(registry.pullRef(plan.name));
    this.tag = pulumi.output(plan.tag);
    this.digest = image.digest.apply(requireDigest);
    this.registerOutputs({ repository: this.repository, tag: this.tag, digest: this.digest });
  }
}

/** What the engine compares, so that a preview names the changed files. */
function imageSources(plan: ImagePlan): Record<string, string> {
  const files = plan.files.map((file): [string, string] => [file.path, sourceMark(file)]);
  return {
    ...Object.fromEntries(files),
    [plan.dockerfile.path]: plan.dockerfile.digest.slice(0, 12),
  };
}

/**
 * The typed export's `insecure` is not what BuildKit reads, hence the raw form. Rewritten timestamps make the digest
 * of a rebuild equal.
 */
function exportSpec({ endpoints }: Registry): string {
  const insecure = endpoints.pushTls === "verify" ? "" : ",registry.insecure=true";
  return `type=registry,rewrite-timestamp=true${insecure}`;
}

function toPlatform(platform: string): dockerbuild.Platform {
  // Settings allow the platforms of this enumeration only.
  return platform as dockerbuild.Platform;
}

/** The plugin previews an image without digest as "", which must not reach a chart. */
function requireDigest(digest: string): string {
  // The SDK types the unknown marker as any.
  if (digest === "" && pulumi.runtime.isDryRun()) return pulumi.unknown as string;
  if (digest === "") throw new pulumi.RunError("docker-build pushed an image and told no digest");
  return digest;
}
