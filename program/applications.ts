import { Provider } from "@pulumi/kubernetes/provider.js";
import type * as pulumi from "@pulumi/pulumi";
import { Application, type DeployableChart } from "../components/application.ts";
import type { ApplicationFinding } from "../delivery/findings/finding.ts";
import type { ObjectMarks } from "../delivery/findings/recorded.ts";
import type { ApplicationPlan } from "../delivery/plan/application-spec.ts";
import type { Cluster } from "../delivery/rollout/live-applications.ts";
import { named } from "./pick.ts";

/** The Applications of a stack, as they are to be. */
export interface Deployment {
  readonly applications: readonly ApplicationPlan[];
  /** Cluster in which Argo CD runs; undefined where nothing is deployed. */
  readonly cluster: Cluster | undefined;
  /** How each is put right without a change of its own, by name of its chart. */
  readonly findings: ReadonlyMap<string, ApplicationFinding>;
  /** What was last done to the objects of each, by name of its chart. */
  readonly marks: ReadonlyMap<string, ObjectMarks>;
}

/** Name and revision of an Application. */
export interface Deployed {
  readonly name: pulumi.Output<string>;
  readonly revision: pulumi.Output<string>;
}

/** Points Argo CD at charts, all in one cluster; returns name and revision of each Application, by chart. */
export function deploy(
  charts: Readonly<Record<string, DeployableChart>>,
  { applications, cluster, findings, marks }: Deployment,
  opts: pulumi.ComponentResourceOptions = {},
): Record<string, Deployed> {
  if (!cluster) return {};
  const provider = new Provider("cluster", cluster);
  const deployed: Record<string, Deployed> = {};
  for (const { name: applicationName, chart: planned, values, argocd } of applications) {
    const { name, namespace, keepSecrets } = planned;
    const chart = named(charts, name);
    const { namespace: argocdNamespace, ...place } = argocd;
    const args = { chart, applicationName, namespace, values, keepSecrets, argocdNamespace };
    const application = new Application(
      name,
      { ...args, ...place, cluster, objects: marks.get(name), finding: findings.get(name) },
      { provider, ...opts },
    );
    deployed[name] = { name: application.applicationName, revision: application.revision };
  }
  return deployed;
}
