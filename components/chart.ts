import * as pulumi from "@pulumi/pulumi";
import type { Finding } from "../delivery/findings/finding.ts";
import { type Adopted, adoption } from "../delivery/findings/recorded.ts";
import type { ImageValue } from "../delivery/plan/chart-package.ts";
import { type ChartPlan, planChart } from "../delivery/plan/chart-plan.ts";
import { chartFingerprint } from "../delivery/plan/fingerprint.ts";
import type { VersionScheme } from "../delivery/plan/version.ts";
import { type ChartRef, chartPushFolder, chartPushRef } from "../delivery/registry/references.ts";
import { dependencies } from "./dependencies.ts";
import type { Image } from "./image.ts";
import { knownDigest } from "./known-digest.ts";
import { Planned, plansOf } from "./planned.ts";
import type { Registry } from "./registry.ts";
import { printed, scriptCommand } from "./script-command.ts";
import type { PublishRequest, PublishedChart } from "./scripts/publish-chart.ts";

/** Inputs of {@link Chart}. */
export interface ChartArgs {
  /** Registry to which the chart is pushed, and from which Argo CD pulls it. */
  readonly registry: Registry;
  /** Folder with the `Chart.yaml`, relative to the program; its `.helmignore` counts. */
  readonly path: pulumi.Input<string>;
  /** Name in `Chart.yaml`. @default - the name of the component */
  readonly chart?: string | undefined;
  /**
   * Image by the path in values.yaml that takes its `repository`, `tag` and `digest`, such as `webui.image`.
   *
   * @default - the chart is packaged with the values that it has
   */
  readonly images?: Readonly<Record<string, Image>> | undefined;
  /** Decides the version besides the content. @default - the version is that of `Chart.yaml` with `-h<key>` */
  readonly versions?: pulumi.Input<VersionScheme> | undefined;
  /** `sha256:…` of each chart that its Chart.yaml takes from an OCI registry, by `host/repository:tag`. @default - it takes none */
  readonly dependencies?: pulumi.Input<Readonly<Record<string, string>>> | undefined;
  /** Bytes above which a source file is refused, since it is mostly there by mistake. @default 1 GiB */
  readonly largestFile?: number | undefined;
  /** Plan that was made of the same sources before, so that they are read once. @default - it is made */
  readonly plan?: ChartPlan | undefined;
  /** Whether the registry has the chart already, or lost it; see {@link Finding}. @default - it is not asked */
  readonly finding?: Pick<Finding, "existing" | "since" | "pushes" | "lost"> | undefined;
}

/**
 * A chart folder and its images, packaged reproducibly and pushed as an OCI artifact. The package's values.yaml holds the images
 * by digest; the sources stay as they are. Its version changes exactly when its content or that of an image does.
 *
 * @example
 * const chart = new Chart("tinyolly", { registry, path: "charts/tinyolly", images: { "webui.image": webui } });
 */
export class Chart extends pulumi.ComponentResource {
  /** Version that is pushed; known in preview. */
  public readonly version: pulumi.Output<string>;
  /** `oci://…` from which Argo CD pulls; known in preview. */
  public readonly source: pulumi.Output<ChartRef>;
  /** SHA-256 in hex over all that decides the content; known in preview. */
  public readonly key: pulumi.Output<string>;
  /** `sha256:…` of the pushed manifest; unknown until it is pushed. */
  public readonly digest: pulumi.Output<string>;
  /** Reference and key of a chart that was taken from the registry as it is; undefined where it was packaged. */
  public readonly adopted: pulumi.Output<Adopted | undefined>;
  /** Name in `Chart.yaml`. */
  public readonly chart: string;
  /** Whether Argo CD speaks plain HTTP to the registry. */
  public readonly plainHttp: boolean;
  /** Names in the registry of the images that it runs. */
  public readonly imageNames: pulumi.Output<readonly string[]>;
  /** How it is made; for components that take it. */
  public readonly plan: Planned<ChartPlan>;

  public constructor(name: string, args: ChartArgs, opts?: pulumi.ComponentResourceOptions) {
    const { registry, finding } = args;
    const plan = args.plan ? Planned.of(args.plan) : planOf(name, args);
    const pushes = finding?.pushes ?? 0;
    super("tinyolly:index:Chart", name, { ...noted(plan, args), ...(pushes && { pushes }) }, opts);

    const existing = finding?.existing;
    const digest =
      existing === undefined ? push(this, name, plan, args, opts) : pulumi.output(existing);

    this.plan = plan;
    this.chart = args.chart ?? name;
    this.plainHttp = registry.endpoints.inClusterPlainHttp;
    this.imageNames = plan.apply((plan) => [...plan.images.values()].map(({ name }) => name));
    this.version = plan.apply((plan) => plan.version);
    this.source = plan.apply((plan) => registry.chartRef(plan.name));
    this.key = plan.apply((plan) => plan.key);
    this.digest = digest;
    this.adopted = plan.apply((plan) => {
      const { name, version, key } = plan;
      return adoption(existing, chartPushRef(registry.endpoints, name, version), key);
    });
    const { version, source, adopted } = this;
    this.registerOutputs({ version, source, digest, adopted });
  }
}

/** Reads the sources. */
function planOf(name: string, args: ChartArgs): Planned<ChartPlan> {
  const { registry, path, chart = name, images = {}, versions = {}, largestFile } = args;
  const { dependencies = {} } = args;
  const { pullFolder } = registry;
  return Planned.from(
    { path, versions, dependencies },
    plansOf(images),
    ({ path, versions, dependencies }, images) => {
      const chartLock = new Map(Object.entries(dependencies));
      return planChart(chart, path, { versions, largestFile, images, pullFolder, chartLock });
    },
  );
}

/** What decides the chart, in parts: the engine's own diff then names those that changed. */
function noted(plan: Planned<ChartPlan>, { registry: { endpoints } }: ChartArgs): pulumi.Inputs {
  const fingerprint = plan.apply((plan) => chartFingerprint(plan, { endpoints }));
  const { key, version, recipe, sources, images, settings } = fingerprint;
  return { key, version, recipe, sources, images, settings };
}

/** Packages and pushes the chart; returns its digest. */
function push(
  parent: Chart,
  name: string,
  plan: Planned<ChartPlan>,
  args: ChartArgs,
  opts: pulumi.ComponentResourceOptions | undefined,
): pulumi.Output<string> {
  const { registry, finding } = args;
  const images = imageValues(args);
  const request = plan.with(images, (plan, images): PublishRequest => {
    const { name: chart, path, version, appVersion, key, files, images: taken } = plan;
    const { dependencies } = plan;
    return {
      ...{ chart, path, version, key, files },
      appVersion: finding?.since ?? appVersion,
      images,
      // Only where there are any, so that they change nothing else.
      ...(dependencies.length > 0 ? { dependencies } : {}),
      platforms: [...new Set([...taken.values()].flatMap(({ platforms }) => platforms))],
      pushFolder: chartPushFolder(registry.endpoints),
      pushTls: registry.endpoints.pushTls,
    };
  });
  const run = { script: "publish-chart", request, pushes: finding?.pushes };
  const publish = scriptCommand(name, run, { parent, dependsOn: dependencies(opts) });
  return knownDigest(finding?.lost) ?? printed<PublishedChart>(publish).digest;
}

function imageValues({
  images = {},
  finding,
}: ChartArgs): pulumi.Output<Record<string, ImageValue>> {
  const values = Object.fromEntries(
    Object.entries(images).map(([path, { repository, tag, digest }]) => [
      path,
      // A chart of an earlier release keeps its bytes.
      { repository, tag: finding?.since ?? tag, digest },
    ]),
  );
  return pulumi.output(values);
}
