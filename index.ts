import * as pulumi from "@pulumi/pulumi";
import { makeApplications } from "./components/applications";
import { ensureBuilder } from "./components/builder-instance";
import { Chart } from "./components/chart";
import { Image } from "./components/image";
import { conflicts, driftMessages, observe } from "./components/observation";
import { encryptedKeys, openSecrets } from "./components/open-secrets";
import { planDeliverables } from "./components/plan";
import { requirePushRight } from "./components/push-right";
import { Registry } from "./components/registry";
import { Release } from "./components/release";
import { ReleasedImages } from "./components/released-images";
import { orRunError, refuse } from "./components/run-error";
import { followPlan, planRecords } from "./components/saved-plan";
import { readStackState } from "./components/stack-state";
import { noteTiming } from "./components/timings";
import {
  requireSigner,
  warnAboutBases,
  warnAboutBuilder,
  warnAboutDrift,
} from "./components/warnings";
import { planApplications, readSettings } from "./config";
import { deliverables } from "./deliverables";
import { redeploy } from "./redeploy";
import type { StackOutputs } from "./stack-outputs";

export = async (): Promise<StackOutputs> => {
  const state = readStackState();
  const configuration = pulumi.runtime.allConfig();
  refuse(openSecrets(configuration, encryptedKeys(process.env)));
  const settings = await orRunError(() => readSettings(configuration));
  if (settings.redeploys !== undefined) return redeploy(settings.redeploys, settings, state);

  const { publishing, cluster, baseLock, offline, planFile, aliases, signing } = settings;
  refuse(settings.releaseProblems);
  await requireSigner(signing);
  const plan = await orRunError(() => planDeliverables(deliverables, settings.plan));
  const applications = planApplications(plan.charts, settings);
  await orRunError(() => {
    followPlan(planFile, plan, () => planRecords(plan, applications, publishing));
  });

  const { endpoints } = publishing;
  const { release: version } = settings.plan.versions;
  const observed = await orRunError(() =>
    observe({ plan, state, endpoints, release: version, applications, cluster, offline }),
  );
  refuse(conflicts(observed));
  if (!offline && !pulumi.runtime.isDryRun()) {
    const { presences } = observed;
    await orRunError(() => requirePushRight({ plan, presences, endpoints, release: version }));
  }
  noteTiming("plan", performance.timeOrigin);
  void warnAboutBases(plan, baseLock);
  await orRunError(() => {
    ensureBuilder(settings.builder);
  });
  void warnAboutBuilder(publishing.builder);
  void warnAboutDrift(driftMessages(observed));

  const registry = new Registry("registry", endpoints);

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
};

function outputs<R, T>(
  resources: ReadonlyMap<string, R>,
  read: (resource: R) => T,
): Record<string, T> {
  return Object.fromEntries([...resources].map(([name, resource]) => [name, read(resource)]));
}
