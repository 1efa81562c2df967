import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { removeControlGroup } from "./cluster/node-servers.ts";
import { emulatedPlatforms } from "./machine/emulation.ts";
import { processesRootedBelow, unmountBelow } from "./machine/mounts.ts";
import { knownServices, servicePid, stopService } from "./machine/processes.ts";
import { runStep } from "./machine/root-steps.ts";
import { deleteRootFolder, isRoot, requireRoot, rootFolder, rootServers } from "./machine/root.ts";
import { allFactories } from "./servers.ts";
import type { PlatformSettings } from "./settings.ts";

type Log = (line: string) => void;

/** Ends every server of this platform; its data stays. */
export async function platformDown(settings: PlatformSettings, log: Log): Promise<void> {
  if ([...rootServers].some((name) => servicePid(settings.state, name) !== undefined))
    requireRoot("BuildKit and the node, which it has started", log);
  const order = allFactories(settings)
    .map((factory) => factory(settings).name)
    .reverse();
  const others = knownServices(settings.state).filter((name) => !order.includes(name));
  for (const name of [...others, ...order])
    if (await stopService(settings.state, name)) log(`stopped ${name}`);
  // Only root sees what containers of a BuildKit that was killed are.
  if (isRoot())
    for (const pid of processesRootedBelow(join(rootFolder(settings), "buildkit")))
      spawnSync("kill", ["-s", "KILL", String(pid)], { stdio: "ignore" });
  removeControlGroup(settings);
  if (emulatedPlatforms(settings).length > 0) await runStep("endEmulation", settings, log);
}

/** Ends the platform and deletes its data: registry, builds, cluster and the local stack's state. */
export async function platformReset(settings: PlatformSettings, log: Log): Promise<void> {
  await platformDown(settings, log);
  if (isRoot() || existsSync(rootFolder(settings))) {
    requireRoot(`${rootFolder(settings)} and /etc/hosts`, log);
    unmountBelow(rootFolder(settings));
    deleteRootFolder(settings);
    await runStep("forgetRegistry", settings, log);
  }
  // Argo CD closes folders of charts to others than root, its own user among them.
  spawnSync("chmod", ["--recursive", "u+rwX", join(settings.state, "argocd")]);
  rmSync(settings.state, { recursive: true, force: true });
  log(`deleted ${settings.state}; tools stay in ${settings.cache}`);
}
