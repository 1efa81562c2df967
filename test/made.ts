import type * as pulumi from "@pulumi/pulumi";
import type { ApplicationArgs } from "../components/application.ts";
import { Chart, type ChartArgs } from "../components/chart.ts";
import { Image } from "../components/image.ts";
import type { Registry } from "../components/registry.ts";
import type { ApplicationPlan } from "../delivery/plan/application-spec.ts";
import type { Publishing } from "../delivery/plan/fingerprint.ts";
import type { Plan } from "../delivery/plan/plan.ts";
import { named, namesOf, pick } from "../program/pick.ts";
import { shopPublishing } from "./shop.ts";

/** What components take of a finding, by name. */
type Findings = ReadonlyMap<string, NonNullable<ChartArgs["finding"]>>;

/** Makes the images of a plan. */
export function makeImages(
  { images }: Pick<Plan, "images">,
  registry: Registry,
  { builder, registryCache }: Publishing = shopPublishing,
  findings: Findings = new Map(),
): Record<string, Image> {
  const made: Record<string, Image> = {};
  for (const plan of images) {
    const { name, path } = plan;
    const needs = pick(made, namesOf(plan.needs));
    const finding = findings.get(name);
    made[name] = new Image(name, {
      ...{ registry, path, needs, builder, registryCache, plan, finding },
    });
  }
  return made;
}

/** Makes the charts of a plan. */
export function makeCharts(
  { charts }: Pick<Plan, "charts">,
  registry: Registry,
  images: Readonly<Record<string, Image>>,
  findings: Findings = new Map(),
  opts: pulumi.ComponentResourceOptions = {},
): Record<string, Chart> {
  return Object.fromEntries(
    charts.map((plan) => {
      const { name, path } = plan;
      const taken = pick(images, namesOf(plan.images));
      const finding = findings.get(name);
      const args = { registry, path, images: taken, plan, finding };
      return [name, new Chart(name, args, opts)];
    }),
  );
}

/** Inputs that give a planned Application. */
export function applicationArgs(
  { name, chart, values, argocd, context, kubeconfig }: ApplicationPlan,
  charts: Readonly<Record<string, Chart>>,
): ApplicationArgs {
  const { namespace: argocdNamespace, ...place } = argocd;
  return {
    ...{
      chart: named(charts, chart.name),
      applicationName: name,
      values,
      argocdNamespace,
      ...place,
    },
    ...{ namespace: chart.namespace, keepSecrets: chart.keepSecrets },
    cluster: { context, kubeconfig },
  };
}
