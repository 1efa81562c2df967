import type { ChartRef } from "../registry/references.ts";
import type { ChartPlan } from "./chart-plan.ts";
import type { ApplicationFingerprint } from "./fingerprint.ts";
import type { ImagePlan } from "./image-plan.ts";

/** Where and as what Argo CD runs. */
export interface ArgoCd {
  /** Namespace of Applications and repository Secrets. */
  readonly namespace: string;
  /** Project of the Applications. */
  readonly project: string;
  /** API server to deploy to, as Argo CD knows it. */
  readonly destinationServer: string;
  /** Seconds that up waits for Synced and Healthy at the new revision; 0 does not wait. No part of the Application. */
  readonly waitSeconds: number;
}

/** Values that only the environment decides. */
export type ChartValues = Readonly<Record<string, unknown>>;

/** What of a chart an Application depends on, be it planned or recorded. */
export interface DeployedChart extends Pick<ChartPlan, "name" | "version"> {
  /** Namespace into which it is deployed. */
  readonly namespace: string;
  /** Secrets whose content is left as it is. */
  readonly keepSecrets: readonly string[];
  /** Images of ours that it runs, by whatever names them once. */
  readonly images: ReadonlyMap<string, Pick<ImagePlan, "name">>;
}

/** What decides an Application. */
export interface ApplicationPlan {
  /** Name in Argo CD. */
  readonly name: string;
  readonly chart: DeployedChart;
  /** Where Argo CD pulls the chart. */
  readonly source: ChartRef;
  /** Whether Argo CD speaks plain HTTP to that registry. */
  readonly plainHttp: boolean;
  /** Context of the kubeconfig in which Argo CD runs. */
  readonly context: string | undefined;
  /** Path of that kubeconfig; left out means KUBECONFIG or ~/.kube/config. No part of the Application. */
  readonly kubeconfig?: string | undefined;
  readonly values: ChartValues | undefined;
  readonly argocd: ArgoCd;
}

/** `spec` of the Argo CD Application that keeps a cluster at exactly the planned version of a chart. */
export function applicationSpec({ chart, source, values, argocd }: ApplicationPlan) {
  const { keepSecrets } = chart;
  const keeps = keepSecrets.length > 0;
  return {
    project: argocd.project,
    source: {
      repoURL: source,
      path: ".",
      targetRevision: chart.version,
      ...(values === undefined ? {} : { helm: { valuesObject: values } }),
    },
    destination: { server: argocd.destinationServer, namespace: chart.namespace },
    syncPolicy: {
      automated: { prune: true, selfHeal: true },
      syncOptions: ["CreateNamespace=true", ...(keeps ? ["RespectIgnoreDifferences=true"] : [])],
    },
    ...(keeps
      ? {
          ignoreDifferences: keepSecrets.map((name) => ({
            kind: "Secret",
            name,
            jsonPointers: ["/data"],
          })),
        }
      : {}),
  };
}

/** Fingerprint of an Application as it would be applied now. */
export function applicationFingerprint(plan: ApplicationPlan): ApplicationFingerprint {
  const { chart, source, plainHttp, context, values, argocd } = plan;
  return {
    revision: chart.version,
    settings: {
      // Only where it is not the chart's, so that it changes nothing else.
      ...(plan.name === chart.name ? {} : { applicationName: plan.name }),
      argocdNamespace: argocd.namespace,
      context,
      destinationServer: argocd.destinationServer,
      keepSecrets: chart.keepSecrets,
      namespace: chart.namespace,
      plainHttp,
      project: argocd.project,
      source,
      values: values ?? {},
    },
  };
}
