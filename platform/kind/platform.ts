import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { forgetRegistry, nameRegistry } from "../machine/hosts.ts";
import { reservePorts } from "../machine/reserved-ports.ts";
import { PlatformError, type PlatformSettings, builderName, registryHosts } from "../settings.ts";
import { downSteps, resetSteps, statusCommands, upSteps } from "./plan.ts";
import { provideSecrets } from "./secrets.ts";
import { kindEnvironment, kubeconfigFile } from "./settings.ts";
import { runSteps, succeeds } from "./steps.ts";

type Log = (line: string) => void;

/** Programs that must be on PATH, and where they are found. */
const programs = {
  docker: "https://docs.docker.com/engine/install, with its buildx plugin",
  kind: "0.27 or newer, https://kind.sigs.k8s.io",
  kubectl: "https://kubernetes.io/docs/tasks/tools",
  helm: "version 4, https://helm.sh/docs/intro/install",
  openssl: "from your system's packages",
} as const;

/** Brings all up that is not up: the kind cluster with registry and Argo CD, the builder, the local stack. */
export async function kindUp(settings: PlatformSettings, log: Log): Promise<void> {
  requireMachine();
  mkdirSync(join(settings.state, "pulumi"), { recursive: true });
  reservePorts(settings);
  nameRegistry(settings);
  await runSteps(upSteps(settings, provideSecrets(settings)), environment(settings), log);
  log(
    `platform is up: kind cluster tinyolly, registry ${registryHosts.tls}:${settings.ports.registryTls}, ` +
      `builder ${builderName}, kubeconfig ${kubeconfigFile(settings)}`,
  );
}

/** Stops cluster and builder; their data stays. */
export async function kindDown(settings: PlatformSettings, log: Log): Promise<void> {
  requireMachine();
  await runSteps(downSteps(), environment(settings), log);
}

/** Deletes cluster, registry, builder and the local stack's state. */
export async function kindReset(settings: PlatformSettings, log: Log): Promise<void> {
  requireMachine();
  await runSteps(resetSteps(settings), environment(settings), log);
  rmSync(settings.state, { recursive: true, force: true });
  // Others may not write there; the line harms nobody.
  if (process.getuid?.() === 0) forgetRegistry(settings);
  log(`deleted ${settings.state}`);
}

/** Health of each part, by name. */
export function kindStatus(settings: PlatformSettings): Record<string, "ready" | "not ready"> {
  requireMachine();
  const commands = Object.entries(statusCommands(settings));
  return Object.fromEntries(
    commands.map(([name, command]) => [
      name,
      succeeds(command, environment(settings)) ? "ready" : "not ready",
    ]),
  );
}

function environment(settings: PlatformSettings): NodeJS.ProcessEnv {
  return { ...process.env, ...kindEnvironment(settings) };
}

function requireMachine(): void {
  if (process.platform !== "linux") {
    throw new PlatformError(
      `PLATFORM=kind works on Linux only, since elsewhere Docker's containers do not share this machine's network; ` +
        `use your own registry, builder and cluster: set registryPush, registryPull, builder and kubeContext with ` +
        `pulumi config set, as docs/settings.md tells`,
    );
  }
  const folders = (process.env["PATH"] ?? "").split(":");
  const missing = Object.entries(programs).filter(
    ([name]) => !folders.some((folder) => existsSync(join(folder, name))),
  );
  if (missing.length === 0) return;
  const list = missing.map(([name, where]) => `${name} (${where})`).join(", ");
  throw new PlatformError(
    `PLATFORM=kind needs on PATH: ${list}; install what is missing, or leave out PLATFORM=kind for the embedded platform`,
  );
}
