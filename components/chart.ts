import * as pulumi from "@pulumi/pulumi";
import { type Adopted, adoption } from "../delivery/findings/recorded.ts";
import type { Republication } from "../delivery/findings/republication.ts";
import { type Publishing, chartRecord } from "../delivery/plan/fingerprint.ts";
import type { ChartPlan } from "../delivery/plan/plan.ts";
import { type ChartRef, chartPushFolder, chartPushRef } from "../delivery/registry/references.ts";
import type { Image } from "./image.ts";
import type { Registry } from "./registry.ts";
import { republishedDigest } from "./republished-digest.ts";
import { printed, scriptCommand } from "./script-command.ts";
import type { ImageValue, PublishedChart, PublishRequest } from "./scripts/publish-chart.ts";

/** Inputs of {@link Chart}. */
export interface ChartArgs {
  /** What to package: sources, key and version. */
  readonly plan: ChartPlan;
  /** The images that the chart runs, by name. */
  readonly images: ReadonlyMap<string, Image>;
  /** Where the package is pushed and read back. */
  readonly registry: Registry;
  /** How it is published. */
  readonly publishing: Publishing;
  /** Whether it is there already, or pushed again without a change. @default - neither */
  readonly republication?: Republication | undefined;
  /** What must be done before it is pushed. @default - nothing but its images */
  readonly after?: readonly pulumi.Resource[];
}

/**
 * A chart folder and its images, packaged reproducibly and pushed as an OCI artifact. The package's values.yaml holds
 * the images by digest; the sources stay as they are. Where the registry has that content already, it is taken as it is.
 *
 * @example
 * const chart = new Chart("tinyolly", { plan, images, registry, publishing });
 */
export class Chart extends pulumi.ComponentResource {
  /** Version that is pushed; known in preview. */
  public readonly version: pulumi.Output<string>;
  /** `oci://…` from which Argo CD pulls; known in preview. */
  public readonly source: pulumi.Output<ChartRef>;
  /** `sha256:…` of the pushed manifest; unknown until it is pushed. */
  public readonly digest: pulumi.Output<string>;
  /** What was found in the registry; undefined where it was packaged. */
  public readonly adopted: pulumi.Output<Adopted | undefined>;

  public constructor(name: string, args: ChartArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, registry, publishing, republication } = args;
    const pushes = republication?.pushes ?? 0;
    const again = pushes === 0 ? {} : { pushes };
    super("tinyolly:index:Chart", name, { ...chartRecord(plan, publishing), ...again }, opts);

    const existing = republication?.existing;
    const digest = existing === undefined ? push(this, name, args) : pulumi.output(existing);

    this.version = pulumi.output(plan.version);
    this.source = pulumi.output(registry.chartRef(plan.name));
    this.digest = digest;
    const reference = chartPushRef(registry.endpoints, plan.name, plan.version);
    this.adopted = pulumi.output(adoption(existing, reference, plan.key));
    const { version, source, adopted } = this;
    this.registerOutputs({ version, source, digest, adopted });
  }
}

/** Packages and pushes the chart; tells its digest. */
function push(parent: Chart, name: string, args: ChartArgs): pulumi.Output<string> {
  const { plan, registry, republication, after = [] } = args;
  const images = [...plan.images.values()];
  const request: pulumi.Output<PublishRequest> = pulumi.output({
    chart: plan.name,
    path: plan.path,
    version: plan.version,
    appVersion: republication?.since ?? plan.appVersion,
    key: plan.key,
    images: imageValues(args),
    platforms: [...new Set(images.flatMap(({ platforms }) => platforms))],
    pushFolder: chartPushFolder(registry.endpoints),
    pushTls: registry.endpoints.pushTls,
  });
  const run = { script: "publish-chart", request, pushes: republication?.pushes };
  const publish = scriptCommand(name, run, { parent, dependsOn: [...after] });
  return republishedDigest(republication) ?? printed<PublishedChart>(publish).digest;
}

function imageValues({
  plan,
  images,
  republication,
}: ChartArgs): Record<string, pulumi.Output<ImageValue>> {
  const values: Record<string, pulumi.Output<ImageValue>> = {};
  for (const [path, { name }] of plan.images) {
    const image = images.get(name);
    if (!image)
      throw new pulumi.RunError(`chart "${plan.name}" takes image "${name}", which was not made`);
    values[path] = pulumi.output({
      repository: image.repository,
      // A chart of an earlier release keeps its bytes.
      tag: republication?.since ?? image.tag,
      digest: image.digest,
    });
  }
  return values;
}
