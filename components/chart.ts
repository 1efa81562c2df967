import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Image } from "./image";
import type { ChartPlan } from "./plan";
import type { ImageValue, PublishedChart, PublishRequest } from "./publish-chart";
import { type ChartRef, chartPushFolder } from "./references";
import type { Registry } from "./registry";
import { sourceMark } from "./source-tree";

/** Inputs of {@link Chart}. */
export interface ChartArgs {
  /** What to package: sources, key and version. */
  readonly plan: ChartPlan;
  /** The images that the chart runs, by name. */
  readonly images: ReadonlyMap<string, Image>;
  /** Where the package is pushed and read back. */
  readonly registry: Registry;
}

/**
 * A chart folder and its images, packaged reproducibly and pushed as an OCI artifact. The package's values.yaml holds
 * the images by digest; the sources stay as they are.
 *
 * @example
 * const chart = new Chart("tinyolly-chart", { plan, images, registry });
 */
export class Chart extends pulumi.ComponentResource {
  /** Version that is pushed; known in preview. */
  public readonly version: pulumi.Output<string>;
  /** `oci://…` from which Argo CD pulls; known in preview. */
  public readonly source: pulumi.Output<ChartRef>;
  /** `sha256:…` of the pushed manifest; unknown until it is pushed. */
  public readonly digest: pulumi.Output<string>;

  public constructor(name: string, args: ChartArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, registry } = args;
    super("tinyolly:index:Chart", name, { sources: chartSources(plan), key: plan.key }, opts);

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
        create: "node --import tsx components/publish-chart.ts",
        stdin: request.apply((value: PublishRequest) => JSON.stringify(value)),
        addPreviousOutputInEnv: false,
        logging: command.local.Logging.Stderr,
      },
      { parent: this },
    );

    this.version = pulumi.output(plan.version);
    this.source = pulumi.output(registry.chartRef(plan.name));
    this.digest = publish.stdout.apply((line) => publishedChart(line).digest);
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

function chartSources(plan: ChartPlan): Record<string, string> {
  return Object.fromEntries(plan.files.map((file) => [file.path, sourceMark(file)]));
}

function publishedChart(line: string): PublishedChart {
  // publish-chart.ts prints exactly this type.
  return JSON.parse(line) as PublishedChart;
}
