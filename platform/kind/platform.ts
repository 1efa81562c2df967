import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { forgetRegistry, nameRegistry } from "../machine/hosts.ts";
import { reservePorts } from "../machine/reserved-ports.ts";
import { providePulumi } from "../pulumi/provide.ts";
import { type PlatformSettings, builderName, kubeContext, registryHosts } from "../settings.ts";
import { ownerOf, requireOwnCluster } from "./cluster.ts";
import { requireDocker, requireMachine, requirePrograms } from "./machine.ts";
import { downSteps, nodeRuns, resetSteps, statusCommands, upSteps } from "./plan.ts";
import { provideSecrets } from "./secrets.ts";
import { kindEnvironment, kubeconfigFile } from "./settings.ts";
import { runSteps, succeeds } from "./steps.ts";

type Log = (line: string) => void;

/** Brings all up that is not up: the kind cluster with registry and Argo CD, the builder, the local stack. */
export async function kindUp(settings: PlatformSettings, log: Log): Promise<void> {
  requireMachine(process.env);
  requireOwnCluster(settings, environment(settings));
  mkdirSync(join(settings.state, "pulumi"), { recursive: true });
  reservePorts(settings);
  nameRegistry(settings);
  await providePulumi(settings, log);
  await runSteps(upSteps(settings, provideSecrets(settings)), environment(settings), log);
  log(
    `platform is up: kind cluster tinyolly, registry ${registryHosts.tls}:${settings.ports.registryTls}, ` +
      `builder ${builderName}, kubeconfig ${kubeconfigFile(settings)}`,
  );
}

/** Stops cluster and builder; their data stays. */
export async function kindDown(settings: PlatformSettings, log: Log): Promise<void> {
  requirePrograms(process.env);
  requireDocker(process.env);
  // One that was made elsewhere may be in use there.
  if (ownerOf(settings, environment(settings)) === "others") return;
  await runSteps(downSteps(), environment(settings), log);
}

/** Deletes cluster, registry, builder and the local stack's state. */
export async function kindReset(settings: PlatformSettings, log: Log): Promise<void> {
  requirePrograms(process.env);
  requireDocker(process.env);
  if (ownerOf(settings, environment(settings)) === "others")
    log("the kind cluster tinyolly was not made here, and stays");
  else await runSteps(resetSteps(settings), environment(settings), log);
  rmSync(settings.state, { recursive: true, force: true });
  // Others may not write there; the line harms nobody.
  if (process.getuid?.() === 0) forgetRegistry(settings);
  log(`deleted ${settings.state}`);
}

/** A part of the platform as it is now. */
export interface PartStatus {
  readonly name: string;
  readonly address: string;
  readonly health: "ready" | "not ready" | "stopped";
}

/** State of each part; all are stopped where there is no cluster of this state. */
export function kindStatus(settings: PlatformSettings): PartStatus[] {
  requirePrograms(process.env);
  requireDocker(process.env);
  const env = environment(settings);
  const made = ownerOf(settings, env) === "us" && succeeds(nodeRuns, env);
  const { ports } = settings;
  const addresses: Readonly<Record<string, string>> = {
    kubernetes: `context ${kubeContext}`,
    registry: `${registryHosts.tls}:${ports.registryTls}, localhost:${ports.registry}`,
    argocd: "namespace argocd",
    builder: builderName,
  };
  return Object.entries(statusCommands(settings)).map(([name, command]) => {
    const health = !made ? "stopped" : succeeds(command, env) ? "ready" : "not ready";
    return { name, address: addresses[name] ?? "", health };
  });
}

function environment(settings: PlatformSettings): NodeJS.ProcessEnv {
  return { ...process.env, ...kindEnvironment(settings) };
}
