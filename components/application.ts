import * as command from "@pulumi/command";
// The package's own index would load a hundred modules more.
import { CustomResource } from "@pulumi/kubernetes/apiextensions/customResource.js";
import { Secret } from "@pulumi/kubernetes/core/v1/secret.js";
import * as pulumi from "@pulumi/pulumi";
import type { ApplicationFinding } from "../delivery/findings/finding.ts";
import { repairsAnnotation } from "../delivery/findings/recorded.ts";
import {
  type ApplicationPlan,
  applicationFingerprint,
  applicationSpec,
} from "../delivery/plan/application-spec.ts";
import type { ChartRef } from "../delivery/registry/references.ts";
import type { ClusterAccess } from "../delivery/rollout/kubectl.ts";
import { ownerAnnotation, ownerOf } from "../delivery/rollout/live-applications.ts";
import { waitFile, writeWait } from "../delivery/rollout/wait-settings.ts";
import { dependencies } from "./dependencies.ts";
import { Planned } from "./planned.ts";
import { scriptLine } from "./script-command.ts";
import type { RolloutRequest } from "./scripts/await-rollout.ts";

/** Inputs of {@link Application}. */
export interface ApplicationArgs {
  /** Chart that Argo CD deploys, such as a `Chart`. */
  readonly chart: DeployableChart;
  /** Namespace into which it is deployed; Argo CD makes it where it is missing. */
  readonly namespace: pulumi.Input<string>;
  /** Values for the chart. Argo CD's API shows them, so no secrets. @default - those of the chart */
  readonly values?: pulumi.Input<Readonly<Record<string, unknown>> | undefined>;
  /**
   * Secrets whose content the chart makes up when it is installed. Argo CD renders charts without looking at the cluster, so it
   * would put a new one in with every render; their content is left as it is.
   *
   * @default - none
   */
  readonly keepSecrets?: pulumi.Input<readonly string[]> | undefined;
  /** Name in Argo CD. @default - the name of the component */
  readonly applicationName?: pulumi.Input<string> | undefined;
  /** Namespace in which Argo CD looks for Applications. @default argocd */
  readonly argocdNamespace?: pulumi.Input<string> | undefined;
  /** Project of Argo CD. @default default */
  readonly project?: pulumi.Input<string> | undefined;
  /** API server to deploy to, as Argo CD knows it. @default https://kubernetes.default.svc */
  readonly destinationServer?: pulumi.Input<string> | undefined;
  /** Longest wait in seconds until it is Synced and Healthy at this version; 0 does not wait. @default 300 */
  readonly waitSeconds?: number | undefined;
  /** Cluster of the provider, which the wait asks by kubectl. @default - the current context */
  readonly cluster?: ClusterAccess | undefined;
  /**
   * What was last done to each object of the chart, by kind and name, so that `pulumi preview --diff` names those that change.
   *
   * @default - none is noted
   */
  readonly objects?: Readonly<Record<string, string>> | undefined;
  /** How it is put right without a change of its own; see {@link ApplicationFinding}. @default - it is not */
  readonly finding?: ApplicationFinding | undefined;
}

/** A chart in a registry. */
export interface DeployableChart {
  /** Name in `Chart.yaml`. */
  readonly chart: pulumi.Input<string>;
  readonly version: pulumi.Output<string>;
  /** `oci://…` from which Argo CD pulls. */
  readonly source: pulumi.Output<ChartRef>;
  /** `sha256:…` of its manifest. */
  readonly digest: pulumi.Output<string>;
  /** Whether Argo CD speaks plain HTTP to its registry. */
  readonly plainHttp: boolean;
  /** Names of this program's images that it runs, for which the wait looks first where pods do not start. */
  readonly imageNames: pulumi.Input<readonly string[]>;
}

/**
 * An Argo CD Application that keeps a cluster at exactly one pushed chart version, and the wait until it does.
 *
 * @example
 * new Application("tinyolly", { chart, namespace: "tinyolly" }, { provider: cluster });
 */
export class Application extends pulumi.ComponentResource {
  /** Name of the Application in Argo CD's namespace. */
  public readonly applicationName: pulumi.Output<string>;
  /** Chart version that Argo CD is told to deploy; known in preview. */
  public readonly revision: pulumi.Output<string>;

  public constructor(name: string, args: ApplicationArgs, opts?: pulumi.ComponentResourceOptions) {
    const { chart, finding = { repairs: 0 }, objects, waitSeconds = 300 } = args;
    const { repairs, drift } = finding;
    const plan = planOf(name, args, waitSeconds);
    const again = repairs === 0 ? {} : { repairs };
    const marks = objects && Object.keys(objects).length > 0 ? { objects } : {};
    super("tinyolly:index:Application", name, { ...noted(plan), ...again, ...marks }, opts);

    const namespace = plan.apply((plan) => plan.argocd.namespace);
    const repository = chart.plainHttp ? [plainHttpRepository(this, name, plan, chart)] : [];
    const application = new CustomResource(
      name,
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Application",
        metadata: {
          name: plan.apply((plan) => plan.name),
          namespace,
          annotations: {
            // What was edited by hand belongs to another field manager.
            "pulumi.com/patchForce": "true",
            [ownerAnnotation]: ownerOf(pulumi.getProject(), pulumi.getStack()),
            ...(repairs === 0 ? {} : { [repairsAnnotation]: String(repairs) }),
          },
          finalizers: ["resources-finalizer.argocd.argoproj.io/foreground"],
        },
        spec: plan.apply((plan) => applicationSpec(plan)),
      },
      {
        parent: this,
        dependsOn: dependencies(opts, pulumi.Resource.isInstance(chart) && chart, ...repository),
        // The plugin cannot update what is gone, and its name cannot be taken twice.
        ...(drift?.cause === "missing"
          ? { replaceOnChanges: ["metadata.annotations"], deleteBeforeReplace: true }
          : {}),
      },
    );
    if (waitSeconds > 0) awaitRollout(this, name, application, plan, args, waitSeconds);

    this.applicationName = application.metadata.name;
    this.revision = chart.version;
    const { applicationName, revision } = this;
    this.registerOutputs({ applicationName, revision, ...marks });
  }
}

/** Decides the Application. */
function planOf(
  name: string,
  args: ApplicationArgs,
  waitSeconds: number,
): Planned<ApplicationPlan> {
  const { chart, namespace, values, keepSecrets = [], cluster } = args;
  const { argocdNamespace = "argocd", project = "default" } = args;
  const { applicationName = name, destinationServer = "https://kubernetes.default.svc" } = args;
  const { chart: chartName, version, source, imageNames, plainHttp } = chart;
  return Planned.from(
    {
      ...{ chartName, version, source, imageNames, namespace, values, keepSecrets },
      ...{ applicationName, argocdNamespace, project, destinationServer },
    },
    {},
    (known): ApplicationPlan => ({
      name: known.applicationName,
      chart: {
        name: known.chartName,
        version: known.version,
        namespace: known.namespace,
        keepSecrets: known.keepSecrets,
        images: new Map(known.imageNames.map((image) => [image, { name: image }])),
      },
      source: known.source,
      plainHttp,
      context: cluster?.context,
      kubeconfig: cluster?.kubeconfig,
      values: known.values,
      argocd: {
        namespace: known.argocdNamespace,
        project: known.project,
        destinationServer: known.destinationServer,
        waitSeconds,
      },
    }),
  );
}

/** What decides the Application, in parts: the engine's own diff then names those that changed. */
function noted(plan: Planned<ApplicationPlan>): pulumi.Inputs {
  const { revision, settings } = plan.apply((plan) => applicationFingerprint(plan));
  return { revision, settings };
}

/** Lets Argo CD speak plain HTTP to the registry of the chart. */
function plainHttpRepository(
  parent: Application,
  name: string,
  plan: Planned<ApplicationPlan>,
  { chart, source }: DeployableChart,
): Secret {
  const applicationName = plan.apply((plan) => plan.name);
  const namespace = plan.apply((plan) => plan.argocd.namespace);
  return new Secret(
    `${name}-repository`,
    {
      metadata: {
        name: pulumi.interpolate`${applicationName}-chart-repository`,
        namespace,
        labels: { "argocd.argoproj.io/secret-type": "repository" },
      },
      stringData: { name: chart, type: "oci", url: source, insecureOCIForceHttp: "true" },
    },
    { parent },
  );
}

/** Waits until the cluster is as the Application says. */
function awaitRollout(
  parent: Application,
  name: string,
  application: CustomResource,
  plan: Planned<ApplicationPlan>,
  { chart, finding: { repairs } = { repairs: 0 }, cluster }: ApplicationArgs,
  waitSeconds: number,
): void {
  const { digest } = chart;
  const wait = waitFile(pulumi.getStack(), name);
  if (!pulumi.runtime.isDryRun()) writeWait(wait, { waitSeconds, kubeconfig: cluster?.kubeconfig });
  const request = plan.with(digest, (plan, digest) => rolloutRequest(plan, digest, wait));
  new command.local.Command(
    `${name}-rollout`,
    {
      create: scriptLine("await-rollout"),
      stdin: request.apply((request) => JSON.stringify(request)),
      triggers: [digest, plan.apply((plan) => applicationSpec(plan)), repairs],
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.Stderr,
    },
    // The old one goes first, so that after a wait in vain even an edit that is taken back is waited for.
    { parent, dependsOn: application, deleteBeforeReplace: true },
  );
}

function rolloutRequest(plan: ApplicationPlan, digest: string, wait: string): RolloutRequest {
  const { name, chart, context, argocd } = plan;
  const images = [...chart.images.values()].map((image) => image.name);
  return {
    context,
    namespace: argocd.namespace,
    wanted: { name, spec: applicationSpec(plan), digest },
    images: [...new Set(images)].sort(),
    wait,
  };
}
