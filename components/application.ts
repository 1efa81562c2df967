import * as command from "@pulumi/command";
// The package's own index would load a hundred modules more.
import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import * as pulumi from "@pulumi/pulumi";
import type { Repair } from "../delivery/findings/drift.ts";
import { repairsAnnotation } from "../delivery/findings/recorded.ts";
import {
  type ApplicationPlan,
  applicationRecord,
  applicationSpec,
} from "../delivery/plan/application-spec.ts";
import type { ChartRef } from "../delivery/registry/references.ts";
import { scriptLine } from "./script-command.ts";
import type { RolloutRequest } from "./scripts/await-rollout.ts";

/** Inputs of {@link Application}. */
export interface ApplicationArgs {
  /** What to apply. */
  readonly plan: ApplicationPlan;
  /** Charts by name, among them the one that Argo CD deploys. */
  readonly charts: ReadonlyMap<string, DeployableChart>;
  /** What must be done before it is applied. @default - nothing but its chart */
  readonly after?: readonly pulumi.Resource[];
  /** Whether it is put right without a change of its own. @default - it is not */
  readonly repair?: Repair | undefined;
}

/** A chart in the registry, such as a `Chart` that was just pushed. */
export interface DeployableChart {
  readonly version: pulumi.Output<string>;
  /** `oci://…` from which Argo CD pulls. */
  readonly source: pulumi.Output<ChartRef>;
  /** `sha256:…` of its manifest. */
  readonly digest: pulumi.Output<string>;
}

/**
 * An Argo CD Application that keeps a cluster at exactly one pushed chart version, and the wait until it does.
 *
 * @example
 * new Application("tinyolly", { plan, charts }, { provider: cluster });
 */
export class Application extends pulumi.ComponentResource {
  /** Name of the Application in Argo CD's namespace. */
  public readonly applicationName: pulumi.Output<string>;
  /** Chart version that Argo CD is told to deploy; known in preview. */
  public readonly revision: pulumi.Output<string>;

  public constructor(name: string, args: ApplicationArgs, opts?: pulumi.ComponentResourceOptions) {
    const { plan, repair = { repairs: 0, drift: undefined }, after = [] } = args;
    const chart = requireChart(args);
    const spec = applicationSpec(plan);
    const { argocd } = plan;
    const { repairs, drift } = repair;
    const again = repairs === 0 ? {} : { repairs };
    super("tinyolly:index:Application", name, { ...applicationRecord(plan), ...again }, opts);

    const repository = plan.plainHttp
      ? [
          new Secret(
            `${name}-repository`,
            {
              metadata: {
                name: `${name}-chart-repository`,
                namespace: argocd.namespace,
                labels: { "argocd.argoproj.io/secret-type": "repository" },
              },
              stringData: { name, type: "oci", url: chart.source, insecureOCIForceHttp: "true" },
            },
            { parent: this },
          ),
        ]
      : [];

    const application = new CustomResource(
      name,
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Application",
        metadata: {
          name,
          namespace: argocd.namespace,
          annotations: {
            // What was edited by hand belongs to another field manager.
            "pulumi.com/patchForce": "true",
            ...(repairs === 0 ? {} : { [repairsAnnotation]: String(repairs) }),
          },
          finalizers: ["resources-finalizer.argocd.argoproj.io/foreground"],
        },
        spec,
      },
      {
        parent: this,
        dependsOn: [...(pulumi.Resource.isInstance(chart) ? [chart] : []), ...repository, ...after],
        // The plugin cannot update what is gone, and its name cannot be taken twice.
        ...(drift?.cause === "missing-application"
          ? { replaceOnChanges: ["metadata.annotations"], deleteBeforeReplace: true }
          : {}),
      },
    );

    if (argocd.waitSeconds > 0) {
      new command.local.Command(
        `${name}-rollout`,
        {
          create: scriptLine("await-rollout"),
          stdin: chart.digest.apply((digest) => JSON.stringify(rolloutRequest(plan, digest))),
          triggers: [chart.digest, spec, repairs],
          addPreviousOutputInEnv: false,
          logging: command.local.Logging.Stderr,
        },
        // The old one goes first, so that after a wait in vain even an edit that is taken back is waited for.
        { parent: this, dependsOn: application, deleteBeforeReplace: true },
      );
    }

    this.applicationName = application.metadata.name;
    this.revision = chart.version;
    this.registerOutputs({ applicationName: this.applicationName, revision: this.revision });
  }
}

function requireChart({ plan, charts }: ApplicationArgs): DeployableChart {
  const { name } = plan.chart;
  const chart = charts.get(name);
  if (!chart)
    throw new pulumi.RunError(`Application "${name}" deploys chart "${name}", which was not made`);
  return chart;
}

function rolloutRequest(plan: ApplicationPlan, digest: string): RolloutRequest {
  const { chart, context, kubeconfig, argocd } = plan;
  const images = [...chart.images.values()].map(({ name }) => name);
  return {
    cluster: { context, ...(kubeconfig === undefined ? {} : { kubeconfig }) },
    namespace: argocd.namespace,
    wanted: { name: chart.name, spec: applicationSpec(plan), digest },
    images: [...new Set(images)].sort(),
    waitSeconds: argocd.waitSeconds,
  };
}
