import * as dockerbuild from "@pulumi/docker-build";
import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../delivery/findings/finding.ts";
import { type Adopted, adoption, pushesVariable } from "../delivery/findings/recorded.ts";
import { imageFingerprint } from "../delivery/plan/fingerprint.ts";
import { type ImagePlan, lockedContexts, planImage } from "../delivery/plan/image-plan.ts";
import { reserveContext, sourceDateEpoch, stageContext } from "../delivery/plan/staging.ts";
import type { VersionScheme } from "../delivery/plan/version.ts";
import type { PullRef } from "../delivery/registry/references.ts";
import { knownDigest } from "./known-digest.ts";
import { Planned, plansOf } from "./planned.ts";
import type { Registry } from "./registry.ts";

/** Inputs of {@link Image}. */
export interface ImageArgs {
  /** Registry to which the image is pushed, and from which nodes pull it. */
  readonly registry: Registry;
  /** Folder that is the build context, relative to the program; its `.dockerignore` counts. */
  readonly path: pulumi.Input<string>;
  /** Name in the registry, below its namespace. @default - the name of the component */
  readonly repository?: string | undefined;
  /** Dockerfile, relative to the program. @default - `Dockerfile` in {@link path} */
  readonly dockerfile?: pulumi.Input<string> | undefined;
  /** Stage that is built. @default - the last one */
  readonly target?: pulumi.Input<string> | undefined;
  /** Build arguments. They end up in the image's history, so no secrets. @default - none */
  readonly buildArgs?: pulumi.Input<Readonly<Record<string, pulumi.Input<string>>>> | undefined;
  /** Images of this program that the Dockerfile starts or copies from, by the names that it has for them. @default - none */
  readonly needs?: Readonly<Record<string, Image>> | undefined;
  /** Platforms, such as `linux/arm64`. @default - the one of this machine */
  readonly platforms?: pulumi.Input<readonly string[]> | undefined;
  /** `sha256:…` that stands for the tag of an image from elsewhere, by reference. @default - tags decide */
  readonly bases?: pulumi.Input<Readonly<Record<string, string>>> | undefined;
  /** Name of the buildx builder; it must push to registries, which that of the driver `docker` cannot. @default - the current one */
  readonly builder?: pulumi.Input<string> | undefined;
  /** Whether builds share their layers through the registry, under the tag `cache`. @default false */
  readonly registryCache?: boolean | undefined;
  /** Decides the tag besides the content; a `release` in it is one that `ReleasedImages` puts on it. @default - the tag is `h<key>` */
  readonly versions?: pulumi.Input<VersionScheme> | undefined;
  /** Bytes above which a source file is refused, since it is mostly there by mistake. @default 1 GiB */
  readonly largestFile?: number | undefined;
  /** Plan that was made of the same sources before, so that they are read once. @default - it is made */
  readonly plan?: ImagePlan | undefined;
  /** Whether the registry has the image already, or lost it; see {@link Finding}. @default - it is not asked */
  readonly finding?: Pick<Finding, "existing" | "pushes" | "lost"> | undefined;
}

/**
 * A multi-platform OCI image, built by BuildKit and pushed under a tag that changes exactly when its content does: a build that
 * would give the same is not made.
 *
 * @example
 * const webui = new Image("webui", { registry, path: "apps/tinyolly-ui" });
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
  /** SHA-256 in hex over all that decides the content; known in preview. */
  public readonly key: pulumi.Output<string>;
  /** Reference and key of an image that was taken from the registry as it is; undefined where it was built. */
  public readonly adopted: pulumi.Output<Adopted | undefined>;
  /** How it is made; for components that take it. */
  public readonly plan: Planned<ImagePlan>;

  public constructor(name: string, args: ImageArgs, opts?: pulumi.ComponentResourceOptions) {
    const { registry, finding } = args;
    const plan = args.plan ? Planned.of(args.plan) : planOf(name, args);
    const pushes = finding?.pushes ?? 0;
    super("tinyolly:index:Image", name, { ...noted(plan, args), ...(pushes && { pushes }) }, opts);

    const existing = finding?.existing;
    const digest = existing === undefined ? build(this, name, plan, args) : pulumi.output(existing);
    const reference = plan.apply((plan) => registry.pushRef(plan.name, plan.contentTag));

    this.plan = plan;
    this.repository = plan.apply((plan) => registry.pullRef(plan.name));
    this.tag = plan.apply((plan) => plan.tag);
    this.key = plan.apply((plan) => plan.key);
    this.digest = digest;
    this.buildReference = pulumi.interpolate`${reference}@${digest}`;
    this.adopted = pulumi
      .all([reference, this.key])
      .apply(([pushed, key]) => adoption(existing, pushed, key));
    const { repository, tag, adopted } = this;
    const result = plan.apply(({ steps }) => steps.result);
    this.registerOutputs({ repository, tag, digest, result, adopted });
  }
}

/** Reads the sources. */
function planOf(name: string, args: ImageArgs): Planned<ImagePlan> {
  const { path, dockerfile, target, buildArgs, platforms, bases = {}, versions = {} } = args;
  const { repository = name, largestFile } = args;
  return Planned.from(
    { path, dockerfile, target, buildArgs, platforms, bases, versions },
    plansOf(args.needs ?? {}),
    ({ platforms = [ownPlatform()], bases, versions, ...source }, needs) =>
      planImage(repository, source, {
        ...{ platforms, versions, largestFile, needs },
        bases: new Map(Object.entries(bases)),
      }),
  );
}

/** What decides the image, in parts: the engine's own diff then names those that changed. */
function noted(plan: Planned<ImagePlan>, args: ImageArgs): pulumi.Inputs {
  const { registry, builder = "", registryCache = false } = args;
  const fingerprint = plan.with(builder, (plan, builder) =>
    imageFingerprint(plan, { endpoints: registry.endpoints, builder, registryCache }),
  );
  const { key, tag, recipe, sources, dockerfile, buildArgs, bases, needs } = fingerprint;
  const { steps, settings } = fingerprint;
  return { key, tag, recipe, sources, dockerfile, buildArgs, bases, needs, steps, settings };
}

/** Builds and pushes the image; returns its digest. */
function build(
  parent: Image,
  name: string,
  plan: Planned<ImagePlan>,
  args: ImageArgs,
): pulumi.Output<string> {
  const { registry, finding, builder } = args;
  const pushes = finding?.pushes ?? 0;
  const image = new dockerbuild.Image(
    name,
    {
      tags: [plan.apply((plan) => registry.pushRef(plan.name, plan.contentTag))],
      context: {
        location: plan.apply(pulumi.runtime.isDryRun() ? reserveContext : stageContext),
        named: plan.apply((plan) => baseContexts(plan, args)),
      },
      dockerfile: { inline: plan.apply(({ dockerfile }) => dockerfile.text) },
      target: plan.apply(({ target }) => target),
      platforms: plan.apply(({ platforms }) => platforms.map(toPlatform)),
      buildArgs: plan.apply(({ buildArgs }) => ({
        ...buildArgs,
        SOURCE_DATE_EPOCH: String(sourceDateEpoch),
        ...(pushes === 0 ? {} : { [pushesVariable]: String(pushes) }),
      })),
      ...(builder === undefined ? {} : { builder: { name: builder } }),
      buildOnPreview: false,
      push: false,
      exports: [{ raw: `type=registry,rewrite-timestamp=true${insecure(registry)}` }],
      ...registryCache(plan, args),
    },
    // The registry keeps what was published: other stacks and releases may share the digest.
    { parent, retainOnDelete: true },
  );
  return knownDigest(finding?.lost) ?? image.digest.apply(requireDigest);
}

/** Binds what `FROM` names to digests: images from elsewhere to those that are locked, own ones to those just pushed. */
function baseContexts(
  plan: ImagePlan,
  { needs = {} }: ImageArgs,
): Record<string, { location: pulumi.Input<string> }> {
  const locked = Object.entries(lockedContexts(plan)).map(([base, location]) => [
    base,
    { location },
  ]);
  const own = Object.entries(needs).map(([reference, { buildReference }]) => [
    reference,
    { location: pulumi.interpolate`docker-image://${buildReference}` },
  ]);
  return Object.fromEntries([...locked, ...own]) as Record<
    string,
    { location: pulumi.Input<string> }
  >;
}

/** Lets builders that come and go, such as those of CI, take layers from the registry. */
function registryCache(plan: Planned<ImagePlan>, { registry, registryCache = false }: ImageArgs) {
  if (!registryCache) return {};
  const cache = plan.apply(
    (plan) => `type=registry,ref=${registry.pushRef(plan.name, "cache")}${insecure(registry)}`,
  );
  return {
    cacheFrom: [{ raw: cache }],
    // A cache that cannot be written is no reason to fail.
    cacheTo: [{ raw: pulumi.interpolate`${cache},mode=max,ignore-error=true` }],
  };
}

/** The typed export's `insecure` is not what BuildKit reads. */
function insecure({ endpoints }: Registry): string {
  return endpoints.pushTls === "verify" ? "" : ",registry.insecure=true";
}

/** The platform of images that run on this machine. */
function ownPlatform(): string {
  const names: Partial<Record<string, string>> = { x64: "amd64", ia32: "386" };
  return `linux/${names[process.arch] ?? process.arch}`;
}

function toPlatform(platform: string): dockerbuild.Platform {
  // The plugin refuses what is none.
  return platform as dockerbuild.Platform;
}

/** The plugin previews an image without digest as "", which must not reach a chart. */
function requireDigest(digest: string): string {
  // The SDK types the unknown marker as any.
  if (digest === "" && pulumi.runtime.isDryRun()) return pulumi.unknown as string;
  if (digest === "") throw new pulumi.RunError("docker-build pushed an image and told no digest");
  return digest;
}
