import { Chart } from "./components/chart.ts";
import { Image } from "./components/image.ts";
import { Registry } from "./components/registry.ts";
import { Release } from "./components/release.ts";
import { ReleasedImages } from "./components/released-images.ts";
import { deploy } from "./program/applications.ts";
import { pick } from "./program/pick.ts";
import { prepare, readStackSettings } from "./program/prepare.ts";
import { redeploy } from "./program/redeploy.ts";
import { type StackOutputs, outputsOf } from "./program/stack-outputs.ts";

/** Builds the images and charts that deliverables.ts names, publishes them, and has Argo CD deploy the charts. */
export default async function tinyolly(): Promise<StackOutputs> {
  const settings = await readStackSettings();
  if (settings.redeploys !== undefined) return redeploy(settings.redeploys, settings);
  const stack = await prepare(settings);

  const registry = new Registry("registry", stack.registry);

  const images: Record<string, Image> = {};
  for (const [name, { needs, ...args }] of Object.entries(stack.images))
    images[name] = new Image(name, { registry, needs: pick(images, needs), ...args });

  const tagged = stack.release
    ? [new ReleasedImages("release-images", { registry, images, ...stack.release })]
    : [];

  const charts: Record<string, Chart> = {};
  for (const [name, { images: runs, ...args }] of Object.entries(stack.charts)) {
    const all = { registry, images: pick(images, runs), ...args };
    charts[name] = new Chart(name, all, { dependsOn: tagged });
  }

  const releases = stack.release
    ? [
        new Release(
          "release",
          { registry, images, charts, ...stack.release },
          { dependsOn: tagged },
        ),
      ]
    : [];

  const applications = deploy(charts, stack, { dependsOn: releases });

  return outputsOf({ images, charts, applications, release: releases[0] });
}
