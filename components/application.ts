import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { Chart } from "./chart";
import type { Registry } from "./registry";

/** Inputs of {@link Application}. */
export interface ApplicationArgs {
  /** Chart that Argo CD deploys. */
  readonly chart: Chart;
  /** Registry that holds the chart. */
  readonly registry: Registry;
  /** Namespace into which the chart is deployed; made when it is missing. */
  readonly namespace: string;
  /** Secrets in that namespace whose content Argo CD leaves as the chart first made it. @default - none */
  readonly keepSecrets?: readonly string[];
  /** Values that only the environment decides. @default - none */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
  /** Where and as what Argo CD runs. */
  readonly argocd: ArgoCd;
}

/** Where and as what Argo CD runs. */
export interface ArgoCd {
  /** Namespace of Applications and repository Secrets. */
  readonly namespace: string;
  /** Project of the Applications. */
  readonly project: string;
  /** API server to deploy to, as Argo CD knows it. */
  readonly destinationServer: string;
  /** Seconds to wait for Synced and Healthy at the new revision; 0 does not wait. */
  readonly waitSeconds: number;
}

/**
 * An Argo CD Application that keeps a cluster at exactly one pushed chart version.
 *
 * @example
 * new Application("tinyolly-application", { chart, registry, namespace: "tinyolly", argocd }, { provider: cluster });
 */
export class Application extends pulumi.ComponentResource {
  /** Name of the Application in Argo CD's namespace. */
  public readonly applicationName: pulumi.Output<string>;
  /** Chart version that Argo CD is told to deploy; known in preview. */
  public readonly revision: pulumi.Output<string>;

  public constructor(name: string, args: ApplicationArgs, opts?: pulumi.ComponentResourceOptions) {
    super("tinyolly:index:Application", name, {}, opts);
    const { chart, registry, argocd, keepSecrets = [] } = args;

    const repository = registry.endpoints.inClusterPlainHttp
      ? [
          new kubernetes.core.v1.Secret(
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

    const application = new kubernetes.apiextensions.CustomResource(
      name,
      {
        apiVersion: "argoproj.io/v1alpha1",
        kind: "Application",
        metadata: {
          name,
          namespace: argocd.namespace,
          annotations: waitAnnotations(chart, argocd.waitSeconds),
          finalizers: ["resources-finalizer.argocd.argoproj.io"],
        },
        spec: {
          project: argocd.project,
          source: {
            repoURL: chart.source,
            path: ".",
            targetRevision: chart.version,
            ...(args.values === undefined ? {} : { helm: { valuesObject: args.values } }),
          },
          destination: { server: argocd.destinationServer, namespace: args.namespace },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            syncOptions: [
              "CreateNamespace=true",
              ...(keepSecrets.length === 0 ? [] : ["RespectIgnoreDifferences=true"]),
            ],
          },
          ...(keepSecrets.length === 0
            ? {}
            : { ignoreDifferences: keepSecrets.map((secret) => secretContent(secret)) }),
        },
      },
      { parent: this, dependsOn: [chart, ...repository] },
    );

    this.applicationName = application.metadata.name;
    this.revision = chart.version;
    this.registerOutputs({ applicationName: this.applicationName, revision: this.revision });
  }
}

function secretContent(name: string): Record<string, unknown> {
  return { kind: "Secret", name, jsonPointers: ["/data"] };
}

/** Waiting for the chart's digest keeps the status of an older revision from ending the wait. */
function waitAnnotations(chart: Chart, seconds: number): Record<string, pulumi.Input<string>> {
  if (seconds === 0) return {};
  return {
    "pulumi.com/waitFor": pulumi.jsonStringify([
      pulumi.interpolate`jsonpath={.status.sync.revision}=${chart.digest}`,
      "jsonpath={.status.sync.status}=Synced",
      "jsonpath={.status.health.status}=Healthy",
    ]),
    "pulumi.com/timeoutSeconds": String(seconds),
  };
}
