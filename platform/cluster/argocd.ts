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
  const crds = {
    name: "argocd-crds",
    // It stands for what is in the folder.
    text: basename(folder),
    get: ["crds", ...["applications", "applicationsets", "appprojects"].map(crdName)],
  };
  await applyOnce(settings, crds, () => {
    const files = readdirSync(folder).filter((name) => name !== "kustomization.yaml");
    apply(
      settings,
      files.map((name) => `--filename=${join(folder, name)}`),
    );
  });
  const files = [`--filename=${settingsFile}`];
  const wanted = { name: "argocd", text: readFileSync(settingsFile, "utf8"), get: files };
  await applyOnce(settings, wanted, async () => {
    // A CRD that was just made is served a moment later.
    for (let tries = 0; tries < 40; tries++) {
      if (tryApply(settings, files).done) return;
      await sleep(250);
    }
    apply(settings, files);
  });
}

function crdName(plural: string): string {
  return `${plural}.argoproj.io`;
}
