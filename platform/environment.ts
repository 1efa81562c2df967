import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { kindEnvironment, readKindSettings } from "./kind/settings";
import { mirrorLock } from "./mirror-lock";
import { pulumiBin, pulumiHome } from "./pulumi";
import { kubeconfigFile } from "./cluster-access";
import { rehearsalEnvironment } from "./rehearsal/certificates";
import { buildxFolder } from "./services";
import {
  type PlatformSettings,
  portVariables,
  project,
  readPlatformSettings,
  registryHosts,
} from "./settings";

/** What a shell needs so that `pulumi`, `helm` and `kubectl` work with the platform. */
export function environment(settings: PlatformSettings): Record<string, string> {
  const home = pulumiHome(settings);
  const configFile = stackConfig(settings);
  return {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${join(settings.state, "pulumi")}`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    BUILDX_CONFIG: buildxFolder(settings),
    // Keeps the docker-build plugin from looking for a Docker engine.
    DOCKER_BUILDKIT: "1",
    KUBECONFIG: kubeconfigFile(settings),
    PATH: [toolFolder(settings), pulumiBin(home), process.env["PATH"] ?? ""].join(":"),
    ...(existsSync(mirrorLock(settings))
      ? {
          TINYOLLY_BASE_LOCK: mirrorLock(settings),
          TINYOLLY_BASE_MIRROR: `localhost:${settings.ports.registry}/mirror`,
        }
      : {}),
    ...(configFile === undefined ? {} : { PULUMI_OPTION_CONFIG_FILE: configFile }),
    ...(settings.rehearsal ? rehearsalEnvironment(settings) : {}),
  };
}

/** Makes the environment of the platform that of this process: the embedded one, or kind where `PLATFORM` says so. */
export function enterPlatform(): void {
  const kind = process.env["PLATFORM"] === "kind";
  Object.assign(
    process.env,
    kind ? kindEnvironment(readKindSettings()) : environment(readPlatformSettings()),
  );
}

/** Folder with a link to each tool. */
export function toolFolder({ state }: PlatformSettings): string {
  return join(state, "bin");
}

/**
 * Configuration of the local stack for this platform: `Pulumi.local.yaml` itself, or a copy with other endpoints where
 * the platform listens on other ports. Undefined means the former.
 */
export function stackConfig({ state, ports }: PlatformSettings): string | undefined {
  const moved = Object.entries(portVariables).some(
    ([name, [, port]]) => ports[name as keyof typeof ports] !== port,
  );
  if (!moved) return undefined;
  const document = parseDocument(readFileSync(join(project, "Pulumi.local.yaml"), "utf8"));
  const inCluster = `${registryHosts.inCluster}:${ports.registryInCluster}`;
  const endpoints = {
    registryPush: `${registryHosts.tls}:${ports.registryTls}`,
    registryPull: inCluster,
    registryInCluster: inCluster,
  };
  for (const [key, value] of Object.entries(endpoints))
    document.setIn(["config", `tinyolly:${key}`], value);
  const file = join(state, "Pulumi.local.yaml");
  mkdirSync(state, { recursive: true });
  writeFileSync(file, document.toString());
  return file;
}
