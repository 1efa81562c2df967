import { readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type PlatformSettings, project } from "../settings.ts";
import { argocdObjects } from "../tools/catalog.ts";
import { filesPath } from "../tools/find.ts";
import { apply, applyOnce, tryApply } from "./kubectl.ts";

const settingsFile = join(project, "platform/cluster/argocd.yaml");

/** CRDs and settings that Argo CD needs before it starts. */
export async function provideArgoCdObjects(settings: PlatformSettings): Promise<void> {
  const folder = filesPath(argocdObjects, settings.cache);
  const text = readFileSync(settingsFile, "utf8");
  // The folder's name stands for what is in it.
  await applyOnce(settings, "argocd", `${basename(folder)} ${text}`, async () => {
    await applyObjects(settings, folder);
  });
}

async function applyObjects(settings: PlatformSettings, folder: string): Promise<void> {
  const files = readdirSync(folder).filter((name) => name !== "kustomization.yaml");
  apply(
    settings,
    files.map((name) => `--filename=${join(folder, name)}`),
  );
  const objects = [`--filename=${settingsFile}`];
  // A CRD that was just made is served a moment later.
  for (let tries = 0; tries < 40; tries++) {
    if (tryApply(settings, objects).done) return;
    await sleep(250);
  }
  apply(settings, objects);
}
