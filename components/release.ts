import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../delivery/plan/plan.ts";
import { chartPath } from "../delivery/registry/references.ts";
import type { ReleasedChart } from "../delivery/releases/record.ts";
import { type Signer, signer } from "../delivery/signing/signing.ts";
import type { Chart } from "./chart.ts";
import type { Image } from "./image.ts";
import type { Registry } from "./registry.ts";
import { releaseRegistry, releasedImages, required } from "./released-images.ts";
import { printed, scriptCommand } from "./script-command.ts";
import type { PublishReleaseRequest, PublishedRelease } from "./scripts/publish-release.ts";

/** Inputs of {@link Release}. */
export interface ReleaseArgs {
  /** Version, such as `v2.1.8`. */
  readonly version: string;
  /** Everything that is part of it. */
  readonly plan: Plan;
  /** Images by name. */
  readonly images: ReadonlyMap<string, Image>;
  /** Charts by name. */
  readonly charts: ReadonlyMap<string, Chart>;
  readonly registry: Registry;
  /** Templates of the tags that follow the newest release, such as `v{major}`. @default - none */
  readonly aliases?: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: Signer | undefined;
  /** What must be done before it is recorded. @default - nothing but its charts */
  readonly after?: readonly pulumi.Resource[] | undefined;
  /** How often a record that went missing was and will be put back. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * The record of images and charts that are published together. It is stored when all of them are in the registry; aliases such
 * as `latest` move last.
 *
 * @example
 * new Release("release", { version: "v2.1.8", plan, images, charts, registry, aliases: ["latest"] });
 */
export class Release extends pulumi.ComponentResource {
  /** Version, and tag of the record; known in preview. */
  public readonly version: pulumi.Output<string>;
  /** `sha256:…` of the record; unknown until it is stored. */
  public readonly digest: pulumi.Output<string>;

  public constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    const { version, plan, registry, aliases = [], signing, after = [], pushes } = args;
    const keys = (parts: readonly { name: string; key: string }[]) =>
      Object.fromEntries(parts.map((part) => [part.name, part.key.slice(0, 12)]));
    const inputs = { version, images: keys(plan.images), charts: keys(plan.charts) };
    super("tinyolly:index:Release", name, inputs, opts);

    const request: pulumi.Output<PublishReleaseRequest> = pulumi.output({
      release: version,
      registry: releaseRegistry(registry),
      images: releasedImages(plan, args.images),
      charts: releasedCharts(args),
      aliases,
      ...(signing ? { signing: signer(signing) } : {}),
    });
    const record = scriptCommand(
      name,
      { script: "publish-release", request, pushes },
      { parent: this, dependsOn: [...after] },
    );

    this.version = pulumi.output(version);
    this.digest = printed<PublishedRelease>(record).digest;
    this.registerOutputs({ version: this.version, digest: this.digest });
  }
}

function releasedCharts({
  plan,
  charts,
  registry,
}: ReleaseArgs): Record<string, pulumi.Output<ReleasedChart>> {
  const { endpoints } = registry;
  return Object.fromEntries(
    plan.charts.map((chart) => [
      chart.name,
      pulumi.output({
        path: chartPath(chart.name),
        key: chart.key,
        version: chart.version,
        digest: required(charts, chart.name).digest,
        pullFrom: `${endpoints.pull}/${endpoints.namespace}`,
        images: [...new Set([...chart.images.values()].map(({ name }) => name))].sort(),
      }),
    ]),
  );
}
