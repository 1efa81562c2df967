import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider.js";
import type * as pulumi from "@pulumi/pulumi";
import type { Repair } from "../delivery/findings/drift.ts";
import type { ApplicationPlan } from "../delivery/plan/application-spec.ts";
import type { Cluster } from "../delivery/rollout/live-applications.ts";
import { Application, type DeployableChart } from "./application.ts";

/** Inputs of {@link makeApplications}. */
export interface ApplicationsArgs {
  /** Charts in the registry, by name. */
  readonly charts: ReadonlyMap<string, DeployableChart>;
  /** Where Argo CD runs; undefined where nothing is deployed. */
  readonly cluster: Cluster | undefined;
  /** How each is put right without a change of its own, by name. */
  readonly repairs: ReadonlyMap<string, Repair>;
  /** What must be done before they are applied. @default - nothing but their charts */
  readonly after?: readonly pulumi.Resource[];
}

/** Name and revision of an Application. */
export type MadeApplication = Pick<Application, "revision"> & {
  readonly name: pulumi.Output<string>;
};

/** Makes the Applications of a stack, all in one cluster; tells name and revision of each, by chart. */
export function makeApplications(
  plans: readonly ApplicationPlan[],
  { charts, cluster, repairs, after = [] }: ApplicationsArgs,
): Record<string, MadeApplication> {
  const options = cluster ? { provider: new KubernetesProvider("cluster", cluster) } : {};
  return Object.fromEntries(
    plans.map((plan): [string, MadeApplication] => {
      const { name } = plan.chart;
      const args = { plan, charts, repair: repairs.get(name), after };
      const { applicationName, revision } = new Application(name, args, options);
      return [name, { name: applicationName, revision }];
    }),
  );
}
