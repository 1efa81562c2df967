import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Image } from "./image";
import type { ChartPlan } from "./plan";
import type { ImageValue, PublishedChart, PublishRequest } from "./publish-chart";
import { type Publishing, chartRecord } from "./record";
import { pushesVariable } from "./recorded";
import { type ChartRef, chartPushFolder } from "./references";
import type { Registry } from "./registry";
import type { Republication } from "./republication";
import { republishedDigest } from "./republished-digest";

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
  /** Whether it is pushed again without a change. @default - it is not */
  readonly republication?: Republication | undefined;
}

/**
 * A chart folder and its images, packaged reproducibly and pushed as an OCI artifact. The package's values.yaml holds
 * the images by digest; the sources stay as they are.
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

  public constructor(name: string, args: ChartArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, registry, publishing, republication } = args;
    const pushes = republication?.pushes ?? 0;
    const again = pushes === 0 ? {} : { pushes };
    super("tinyolly:index:Chart", name, { ...chartRecord(plan, publishing), ...again }, opts);

    const request = pulumi.output({
      chart: plan.name,
      path: plan.path,
      version: plan.version,
      appVersion: plan.appVersion,
      key: plan.key,
      images: imageValues(args),
      pushFolder: chartPushFolder(registry.endpoints),
      pushTls: registry.endpoints.pushTls,
    });
    const publish = new command.local.Command(
      name,
      {
        create: "node --require ./run-typescript.cjs components/publish-chart.ts",
        stdin: request.apply((value: PublishRequest) => JSON.stringify(value)),
        ...(pushes === 0 ? {} : { environment: { [pushesVariable]: String(pushes) } }),
        addPreviousOutputInEnv: false,
        logging: command.local.Logging.Stderr,
      },
      { parent: this },
    );

    this.version = pulumi.output(plan.version);
    this.source = pulumi.output(registry.chartRef(plan.name));
    this.digest =
      republishedDigest(republication) ??
      publish.stdout.apply((line) => publishedChart(line).digest);
    this.registerOutputs({ version: this.version, source: this.source, digest: this.digest });
  }
}

function imageValues({ plan, images }: ChartArgs): Record<string, pulumi.Output<ImageValue>> {
  const values: Record<string, pulumi.Output<ImageValue>> = {};
  for (const [path, { name }] of plan.images) {
    const image = images.get(name);
    if (!image)
      throw new pulumi.RunError(`chart "${plan.name}" takes image "${name}", which was not made`);
    values[path] = pulumi.output({
      repository: image.repository,
      tag: image.tag,
      digest: image.digest,
    });
  }
  return values;
}

function publishedChart(line: string): PublishedChart {
  // publish-chart.ts prints exactly this type.
  return JSON.parse(line) as PublishedChart;
}
