import { join } from "node:path";
import { variable } from "../../delivery/basics/variable.ts";
import { stateUrl } from "../pulumi/local-state.ts";
import { pulumiBin, pulumiHome } from "../pulumi/provide.ts";
import {
  PlatformError,
  type PlatformSettings,
  compileCache,
  portVariables,
  readPlatformSettings,
  readPortOffset,
} from "../settings.ts";

/** Where the web UI answers on this machine. */
export const uiAddress = `http://127.0.0.1:${portVariables.ui[1]}`;

/**
 * Reads where what belongs to the kind cluster is kept: `TINYOLLY_STATE`, else `.tinyolly/kind`.
 *
 * @throws PlatformError for other ports of registry and web UI, which a cluster that exists could not take, and for a
 *   rehearsal.
 */
export function readKindSettings(env: NodeJS.ProcessEnv = process.env): PlatformSettings {
  const state = variable(env, "TINYOLLY_STATE") ?? ".tinyolly/kind";
  const offset = readPortOffset(env);
  if (offset !== 0) {
    throw new PlatformError(
      `TINYOLLY_PORT_OFFSET is ${offset}, but with PLATFORM=kind ports cannot be moved; unset it`,
    );
  }
  const settings = readPlatformSettings({ ...env, TINYOLLY_STATE: state });
  for (const key of ["registryTls", "registry", "registryInCluster", "ui"] as const) {
    const [name, port] = portVariables[key];
    if (settings.ports[key] !== port) {
      throw new PlatformError(
        `${name} is ${settings.ports[key]}, but with PLATFORM=kind it is always ${port}; unset it`,
      );
    }
  }
  if (settings.rehearsal) {
    throw new PlatformError(
      "TINYOLLY_REHEARSAL is 1, but only the embedded platform rehearses releases; unset it, or PLATFORM",
    );
  }
  return settings;
}

/** Image of the cluster's node, where it is to be another one than kind's own: `TINYOLLY_KIND_IMAGE`. */
export function nodeImage(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return variable(env, "TINYOLLY_KIND_IMAGE");
}

/** Kubeconfig of the cluster's administrator. */
export function kubeconfigFile({ state }: PlatformSettings): string {
  return join(state, "kubeconfig");
}

/** What a shell needs so that `pulumi`, `helm` and `kubectl` work with the kind cluster. */
export function kindEnvironment(settings: PlatformSettings): Record<string, string> {
  const home = pulumiHome(settings);
  return {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: stateUrl(settings),
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    BUILDX_CONFIG: join(settings.state, "buildx"),
    KUBECONFIG: kubeconfigFile(settings),
    PATH: [pulumiBin(home), process.env["PATH"] ?? ""].join(":"),
  };
}
