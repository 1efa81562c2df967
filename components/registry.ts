import * as pulumi from "@pulumi/pulumi";
import * as references from "../delivery/registry/references.ts";
import type { ChartRef, Endpoints, PullRef, PushRef } from "../delivery/registry/references.ts";

/** Inputs of {@link Registry}. */
export type RegistryArgs = Endpoints;

/**
 * One OCI registry under its three names: builds push to it, nodes pull images and Argo CD pulls charts from it.
 *
 * @example
 * const registry = new Registry("registry", endpoints);
 * registry.pullRef("webui"); // docker-registry.registry.svc.cluster.local:5000/tinyolly/webui
 */
export class Registry extends pulumi.ComponentResource {
  /** The endpoints as configured. */
  public readonly endpoints: Endpoints;

  public constructor(name: string, args: RegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tinyolly:index:Registry", name, { ...args }, opts);
    this.endpoints = args;
    this.registerOutputs({ endpoints: args });
  }

  /** Where builds push `image` under `tag`. */
  public pushRef(image: string, tag: string): PushRef {
    return references.pushRef(this.endpoints, image, tag);
  }

  /** Where nodes pull `image`; the tag and digest go beside it. */
  public pullRef(image: string): PullRef {
    return references.pullRef(this.endpoints, image);
  }

  /** Where Argo CD pulls `chart`; the version goes beside it. */
  public chartRef(chart: string): ChartRef {
    return references.chartRef(this.endpoints, chart);
  }
}
