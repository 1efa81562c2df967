import * as pulumi from "@pulumi/pulumi";
import { chartPath } from "../delivery/registry/references.ts";
import type { Origin } from "../delivery/releases/origin.ts";
import type { ReleasedChart } from "../delivery/releases/record.ts";
import { type Signer, signer } from "../delivery/signing/signing.ts";
import type { Chart } from "./chart.ts";
import { dependencies } from "./dependencies.ts";
import type { Image } from "./image.ts";
import type { Registry } from "./registry.ts";
import { originOf, releaseRegistry, releasedImages, shortKeys } from "./released-images.ts";
import { printed, scriptCommand } from "./script-command.ts";
import type { PublishReleaseRequest, PublishedRelease } from "./scripts/publish-release.ts";

/** Inputs of {@link Release}. */
export interface ReleaseArgs {
  /** Version, such as `v2.1.8`. */
  readonly version: string;
  /** Registry that has images and charts, and gets the record. */
  readonly registry: Registry;
  /** All images of the release, by name. */
  readonly images: Readonly<Record<string, Image>>;
  /** All charts of the release, by name. */
  readonly charts: Readonly<Record<string, Chart>>;
  /** Templates of the tags that follow the newest release, such as `v{major}`. @default - none */
  readonly aliases?: readonly string[];
  /** How it is signed. @default - it is not */
  readonly signing?: Signer | undefined;
  /** Commit that it is made of, and who builds it. @default - what Git says when the component is made */
  readonly origin?: Origin | undefined;
  /** How often a record that went missing was and will be put back. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * The record of images and charts that are published together. It is stored when all of them are in the registry; aliases such
 * as `latest` move last.
 *
 * @example
 * new Release("release", { version: "v2.1.8", registry, images, charts, aliases: ["latest"] });
 */
export class Release extends pulumi.ComponentResource {
  /** Version, and tag of the record; known in preview. */
  public readonly version: pulumi.Output<string>;
  /** `sha256:…` of the record; unknown until it is stored. */
  public readonly digest: pulumi.Output<string>;

  public constructor(name: string, args: ReleaseArgs, opts?: pulumi.ComponentResourceOptions) {
    const { version, registry, images, charts, aliases = [], signing, pushes } = args;
    const inputs = { version, images: shortKeys(images), charts: shortKeys(charts) };
    super("tinyolly:index:Release", name, inputs, opts);

    const request: pulumi.Output<PublishReleaseRequest> = pulumi.output({
      release: version,
      registry: releaseRegistry(registry),
      origin: originOf(args),
      images: releasedImages(images),
      charts: releasedCharts(charts, registry),
      aliases,
      ...(signing ? { signing: signer(signing) } : {}),
    });
    const run = { script: "publish-release", request, pushes };
    const record = scriptCommand(name, run, { parent: this, dependsOn: dependencies(opts) });

    this.version = pulumi.output(version);
    this.digest = printed<PublishedRelease>(record).digest;
    this.registerOutputs({ version: this.version, digest: this.digest });
  }
}

function releasedCharts(
  charts: Readonly<Record<string, Chart>>,
  { pullFolder }: Registry,
): pulumi.Output<Record<string, ReleasedChart>> {
  const parts = Object.entries(charts).map(([name, { plan, digest }]) => {
    const part = plan.with(digest, (plan, digest): ReleasedChart => {
      const { name: chart, key, version, images } = plan;
      const names = [...images.values()].map((image) => image.name);
      return {
        ...{ path: chartPath(chart), key, version, digest, pullFrom: pullFolder },
        images: [...new Set(names)].sort(),
      };
    });
    return [name, part] as const;
  });
  // Its entries are those of the map of charts.
  return pulumi.output(Object.fromEntries(parts));
}
