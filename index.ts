import { Provider as KubernetesProvider } from "@pulumi/kubernetes/provider";
import * as pulumi from "@pulumi/pulumi";
import { Application } from "./components/application";
import { Chart } from "./components/chart";
import { Image } from "./components/image";
import { driftMessages, observe } from "./components/observation";
import { planDeliverables } from "./components/plan";
import { Registry } from "./components/registry";
import { orRunError } from "./components/run-error";
import { followPlan, planRecords } from "./components/saved-plan";
import { readStackState } from "./components/stack-state";
import { noteTiming } from "./components/timings";
import { warnAboutBases, warnAboutBuilder, warnAboutDrift } from "./components/warnings";
import { planApplications, readSettings } from "./config";
import { deliverables } from "./deliverables";

export = async () => {
  const state = readStackState();
  const settings = await orRunError(() => readSettings(pulumi.runtime.allConfig()));
  const { publishing, cluster, baseLock, offline, planFile } = settings;
  const plan = await orRunError(() => planDeliverables(deliverables, settings.plan));
  const applicationPlans = planApplications(plan, settings);
  await orRunError(() => {
    followPlan(planFile, plan, () => planRecords(plan, applicationPlans, publishing));
  });

  const { endpoints } = publishing;
  const observed = await orRunError(() =>
    observe({ plan, state, endpoints, applications: applicationPlans, cluster, offline }),
  );
  noteTiming("plan", performance.timeOrigin);
  void warnAboutBases(plan, baseLock);
  void warnAboutBuilder(publishing.builder);
  void warnAboutDrift(driftMessages(observed));

  const registry = new Registry("registry", endpoints);

  const images = new Map<string, Image>();
  for (const image of plan.images) {
    const republication = observed.images.get(image.name);
    const args = { plan: image, images, registry, publishing, republication };
    images.set(image.name, new Image(image.name, args));
  }

  const charts = new Map<string, Chart>();
  for (const chart of plan.charts) {
    const republication = observed.charts.get(chart.name);
    const args = { plan: chart, images, registry, publishing, republication };
    charts.set(chart.name, new Chart(chart.name, args));
  }

  const applications = new Map<string, Application>();
  const options = cluster ? { provider: new KubernetesProvider("cluster", cluster) } : {};
  for (const application of applicationPlans) {
    const { name } = application.chart;
    const args = { plan: application, charts, repair: observed.applications.get(name) };
    applications.set(name, new Application(name, args, options));
  }

  return {
    /** Tag, digest and pull repository of each image, by name. */
    images: outputs(images, ({ repository, tag, digest }) => ({ repository, tag, digest })),
    /** Version, digest and source of each chart, by name. */
    charts: outputs(charts, ({ source, version, digest }) => ({ source, version, digest })),
    /** Name and revision of each Application, by chart; empty where the stack only publishes. */
    applications: outputs(applications, ({ applicationName, revision }) => ({
      name: applicationName,
      revision,
    })),
  };
};

function outputs<R, T>(
  resources: ReadonlyMap<string, R>,
  read: (resource: R) => T,
): Record<string, T> {
  return Object.fromEntries([...resources].map(([name, resource]) => [name, read(resource)]));
}
