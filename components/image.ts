import * as dockerbuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import { type Adopted, adoption, pushesVariable } from "../delivery/findings/recorded.ts";
import type { Republication } from "../delivery/findings/republication.ts";
import { type Publishing, imageRecord } from "../delivery/plan/fingerprint.ts";
import type { ImagePlan } from "../delivery/plan/plan.ts";
import { reserveContext, sourceDateEpoch, stageContext } from "../delivery/plan/staging.ts";
import type { PullRef } from "../delivery/registry/references.ts";
import type { Registry } from "./registry.ts";
import { republishedDigest } from "./republished-digest.ts";

/** Inputs of {@link Image}. */
export interface ImageArgs {
  /** What to build: sources, key and tag. */
  readonly plan: ImagePlan;
  /** Images that its Dockerfile takes, by name. @default - none */
  readonly images?: ReadonlyMap<string, Image>;
  /** Where the image is pushed and pulled. */
  readonly registry: Registry;
  /** How it is built and published. */
  readonly publishing: Publishing;
  /** Whether it is there already, or pushed again without a change. @default - neither */
  readonly republication?: Republication | undefined;
}

/**
 * One multi-platform OCI image, built by BuildKit and pushed under a tag that changes exactly when its content does. Where the
 * registry has that content already, it is taken as it is.
 *
 * @example
 * const webui = new Image("webui", { plan, registry, publishing });
 */
export class Image extends pulumi.ComponentResource {
  /** `host/repository` from which nodes pull; known in preview. */
  public readonly repository: pulumi.Output<PullRef>;
  /** Tag under which people and charts find it; known in preview. */
  public readonly tag: pulumi.Output<string>;
  /** `sha256:…` of the image, or of its index when it has several platforms; unknown until it is pushed. */
  public readonly digest: pulumi.Output<string>;
  /** `host/repository:tag@digest` from which builds pull it. */
  public readonly buildReference: pulumi.Output<string>;
  /** What was found in the registry; undefined where it was built. */
  public readonly adopted: pulumi.Output<Adopted | undefined>;

  public constructor(name: string, args: ImageArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, registry, publishing, republication } = args;
    const pushes = republication?.pushes ?? 0;
    const again = pushes === 0 ? {} : { pushes };
    super("tinyolly:index:Image", name, { ...imageRecord(plan, publishing), ...again }, opts);

    const reference = registry.pushRef(plan.name, plan.contentTag);
    const existing = republication?.existing;
    const digest = existing === undefined ? push(this, name, args) : pulumi.output(existing);

    this.repository = pulumi.output(registry.pullRef(plan.name));
    this.tag = pulumi.output(plan.tag);
    this.digest = digest;
    this.buildReference = pulumi.interpolate`${reference}@${digest}`;
    this.adopted = pulumi.output(adoption(existing, reference, plan.key));
    const { repository, tag, adopted } = this;
    this.registerOutputs({ repository, tag, digest, adopted });
  }
}

/** Builds and pushes the image; tells its digest. */
function push(parent: Image, name: string, args: ImageArgs): pulumi.Output<string> {
  const { plan, registry, publishing, republication } = args;
  const pushes = republication?.pushes ?? 0;
  const image = new dockerbuild.Image(
    name,
    {
      tags: [registry.pushRef(plan.name, plan.contentTag)],
      context: {
        location: pulumi.runtime.isDryRun() ? reserveContext(plan) : stageContext(plan),
        named: baseContexts(args),
      },
      dockerfile: { inline: plan.dockerfile.text },
      ...(plan.target === undefined ? {} : { target: plan.target }),
      platforms: plan.platforms.map(toPlatform),
      buildArgs: {
        ...plan.buildArgs,
        SOURCE_DATE_EPOCH: String(sourceDateEpoch),
        ...(pushes === 0 ? {} : { [pushesVariable]: String(pushes) }),
      },
      builder: { name: publishing.builder },
      buildOnPreview: false,
      push: false,
      exports: [{ raw: `type=registry,rewrite-timestamp=true${insecure(registry)}` }],
      ...registryCache(args),
    },
    // The registry keeps what was published: other stacks and releases may share the digest.
    { parent, retainOnDelete: true },
  );
  return republishedDigest(republication) ?? image.digest.apply(requireDigest);
}

/**
 * Binds what `FROM` names to digests: images from elsewhere to those of the lock, own ones to those just pushed. A build
 * context of the same name does so without a change of the Dockerfile.
 */
function baseContexts({
  plan,
  images,
}: ImageArgs): Record<string, { location: pulumi.Input<string> }> {
  const contexts: Record<string, { location: pulumi.Input<string> }> = {};
  for (const [reference, digest] of plan.bases) {
    if (digest !== "" && !reference.includes("@"))
      contexts[reference] = { location: `docker-image://${reference}@${digest}` };
  }
  for (const { name } of plan.needs) {
    const image = images?.get(name);
    if (!image)
      throw new pulumi.RunError(`image "${plan.name}" needs "${name}", which was not made`);
    contexts[name] = { location: pulumi.interpolate`docker-image://${image.buildReference}` };
  }
  return contexts;
}

/** Lets builders that come and go, such as those of CI, take layers from the registry. */
function registryCache({ plan, registry, publishing }: ImageArgs) {
  if (!publishing.registryCache) return {};
  const cache = `type=registry,ref=${registry.pushRef(plan.name, "cache")}${insecure(registry)}`;
  return {
    cacheFrom: [{ raw: cache }],
    // A cache that cannot be written is no reason to fail.
    cacheTo: [{ raw: `${cache},mode=max,ignore-error=true` }],
  };
}

/** The typed export's `insecure` is not what BuildKit reads. */
function insecure({ endpoints }: Registry): string {
  return endpoints.pushTls === "verify" ? "" : ",registry.insecure=true";
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
