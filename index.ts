import "./program/end-with-engine.ts";
import { makeApplications } from "./components/applications.ts";
import { Chart } from "./components/chart.ts";
import { Image } from "./components/image.ts";
import { Registry } from "./components/registry.ts";
import { Release } from "./components/release.ts";
import { ReleasedImages } from "./components/released-images.ts";
import { readStackState } from "./program/engine-state.ts";
import { prepare, readStackSettings } from "./program/prepare.ts";
import { redeploy } from "./program/redeploy.ts";
import type { StackOutputs } from "./program/stack-outputs.ts";

export default async function (): Promise<StackOutputs> {
  const state = readStackState();
  const settings = await readStackSettings();
  if (settings.redeploys !== undefined) return redeploy(settings.redeploys, settings, state);

  const { plan, applications, observed } = await prepare(settings, state);
  const { publishing, cluster, aliases, signing } = settings;
  const { release: version } = settings.plan.versions;

  const registry = new Registry("registry", publishing.endpoints);

  const images = new Map<string, Image>();
  for (const image of plan.images) {
    const republication = observed.images.get(image.name);
    const args = { plan: image, images, registry, publishing, republication };
    images.set(image.name, new Image(image.name, args));
  }

  const released = version !== undefined && {
    ...{ version, plan, images, registry, signing, pushes: observed.release.pushes },
  };
  const tagged = released ? [new ReleasedImages("release-images", released)] : [];

  const charts = new Map<string, Chart>();
  for (const chart of plan.charts) {
    const republication = observed.charts.get(chart.name);
    const args = { plan: chart, images, registry, publishing, republication, after: tagged };
    charts.set(chart.name, new Chart(chart.name, args));
  }

  const release =
    released && new Release("release", { ...released, charts, aliases, after: tagged });

  const made = makeApplications(applications, {
    ...{ charts, cluster, repairs: observed.applications, after: release ? [release] : [] },
  });

  return {
    images: outputs(images, ({ repository, tag, digest }) => ({ repository, tag, digest })),
    charts: outputs(charts, ({ source, version, digest }) => ({ source, version, digest })),
    applications: made,
    ...(release ? { release: { version: release.version, digest: release.digest } } : {}),
  };
}

function outputs<R, T>(
  resources: ReadonlyMap<string, R>,
  read: (resource: R) => T,
): Record<string, T> {
  return Object.fromEntries([...resources].map(([name, resource]) => [name, read(resource)]));
}
