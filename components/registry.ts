import * as pulumi from "@pulumi/pulumi";
import * as references from "../delivery/registry/references.ts";
import type {
  ChartRef,
  Endpoints,
  PullRef,
  PushRef,
  Tls,
} from "../delivery/registry/references.ts";
import { refuse } from "./run-error.ts";

export type { Tls } from "../delivery/registry/references.ts";

/** Inputs of {@link Registry}. Hosts are written as `ghcr.io` or `localhost:30500`, without scheme and path. */
export interface RegistryArgs {
  /** Host and port to which builds push. */
  readonly push: string;
  /** Path before the names of images and charts, such as `owner/shop`. */
  readonly namespace: string;
  /** How {@link push} is spoken to: `verify`, `skip-verify` (any certificate) or `plain-http`. @default verify */
  readonly pushTls?: Tls | undefined;
  /** Host and port from which nodes pull images. @default - {@link push} */
  readonly pull?: string | undefined;
  /** Host and port from which Argo CD pulls charts. @default - {@link pull} */
  readonly inCluster?: string | undefined;
  /** Whether Argo CD speaks plain HTTP to it. @default false */
  readonly inClusterPlainHttp?: boolean | undefined;
}

/**
 * One OCI registry under its three names: builds push to it, nodes pull images and Argo CD pulls charts from it. No pod or
 * Application ever gets the name to which builds push.
 *
 * @example
 * const registry = new Registry("registry", { push: "ghcr.io", namespace: "owner/shop" });
 */
export class Registry extends pulumi.ComponentResource {
  /** Each of its names. */
  public readonly endpoints: Endpoints;
  /** `host/namespace` from which nodes pull images. */
  public readonly pullFolder: string;

  public constructor(name: string, args: RegistryArgs, opts?: pulumi.ComponentResourceOptions) {
    const { push, namespace, pushTls = "verify", pull = push, inCluster = pull } = args;
    const { inClusterPlainHttp = false } = args;
    const endpoints = { push, pushTls, pull, inCluster, inClusterPlainHttp, namespace };
    super("tinyolly:index:Registry", name, endpoints, opts);
    refuse(problemsOf(name, endpoints));
    this.endpoints = endpoints;
    this.pullFolder = references.pullFolder(endpoints);
    this.registerOutputs({ endpoints });
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

/** Names that no registry has, each with what is allowed. */
function problemsOf(name: string, { push, pull, inCluster, namespace }: Endpoints): string[] {
  return [
    ...Object.entries({ push, pull, inCluster }).map(
      ([arg, host]) => [arg, host, references.hostProblem(host)] as const,
    ),
    ["namespace", namespace, references.namespaceProblem(namespace)] as const,
  ].flatMap(([arg, value, allowed]) =>
    allowed === undefined ? [] : `registry "${name}": ${arg} is "${value}", but must be ${allowed}`,
  );
}
