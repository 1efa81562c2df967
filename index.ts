import * as kubernetes from "@pulumi/kubernetes";
import { Application } from "./components/application";
import { warnAboutBuilder } from "./components/builder-warning";
import { Chart } from "./components/chart";
import { Image } from "./components/image";
import { planDeliverables } from "./components/plan";
import { Registry } from "./components/registry";
import { orRunError } from "./components/run-error";
import { readSettings } from "./config";
import { deliverables } from "./deliverables";

const settings = orRunError(readSettings);
const plan = orRunError(() => planDeliverables(deliverables, settings.plan));

void warnAboutBuilder(settings.builder);

const registry = new Registry("registry", settings.registry);

const builtImages = new Map(
  plan.images.map((image) => [
    image.name,
    new Image(image.name, { plan: image, registry, builder: settings.builder }),
  ]),
);

const publishedCharts = new Map(
  plan.charts.map((chart) => [
    chart.name,
    new Chart(chart.name, { plan: chart, images: builtImages, registry }),
  ]),
);

const provider = settings.cluster && new kubernetes.Provider("cluster", settings.cluster);

const runningApplications = new Map(
  plan.charts.flatMap(({ name, namespace, keepSecrets }) => {
    const chart = publishedCharts.get(name);
    if (!provider || !chart) return [];
    const values = settings.chartValues[name];
    return [
      [
        name,
        new Application(
          name,
          { chart, registry, namespace, keepSecrets, values, argocd: settings.argocd },
          { provider },
        ),
      ],
    ] as const;
  }),
);

/** Tag, digest and pull repository of each image, by name. */
export const images = outputs(builtImages, ({ repository, tag, digest }) => ({
  repository,
  tag,
  digest,
}));
/** Version, digest and source of each chart, by name. */
export const charts = outputs(publishedCharts, ({ source, version, digest }) => ({
  source,
  version,
  digest,
}));
/** Name and revision of each Application, by chart; empty where the stack only publishes. */
export const applications = outputs(runningApplications, ({ applicationName, revision }) => ({
  name: applicationName,
  revision,
}));

function outputs<R, T>(
  resources: ReadonlyMap<string, R>,
  read: (resource: R) => T,
): Record<string, T> {
  return Object.fromEntries([...resources].map(([name, resource]) => [name, read(resource)]));
}
