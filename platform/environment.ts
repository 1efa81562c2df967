import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { variable } from "../delivery/basics/variable.ts";
import { hasSecret, readStackConfiguration } from "../delivery/settings/stack-configuration.ts";
import { kubeconfigFile } from "./cluster/access.ts";
import { buildxFolder } from "./cluster/services.ts";
import { writeDockerConfig } from "./docker-config.ts";
import { rehearsalEnvironment } from "./ghcr/certificates.ts";
import { mirrorLock } from "./images/mirror-lock.ts";
import { kindEnvironment, readKindSettings } from "./kind/settings.ts";
import { stateUrl } from "./pulumi/local-state.ts";
import { pulumiBin, pulumiHome } from "./pulumi/provide.ts";
import {
  type PlatformSettings,
  compileCache,
  localStack,
  portVariables,
  project,
  readPlatformSettings,
  registryHosts,
} from "./settings.ts";
import { toolFolder } from "./tools/links.ts";

/** Names the file that Pulumi reads instead of a stack's own. */
const configVariable = "PULUMI_OPTION_CONFIG_FILE";

/** What a shell needs so that `pulumi`, `helm` and `kubectl` work with the platform. */
export function environment(settings: PlatformSettings): Record<string, string> {
  const home = pulumiHome(settings);
  const configFile = stackConfig(settings);
  return {
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: stateUrl(settings),
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
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
    ...(configFile === undefined ? {} : { [configVariable]: configFile }),
    ...(settings.rehearsal ? rehearsalEnvironment(settings) : {}),
  };
}

/**
 * Makes the environment of a stack that of this process: for the platform's own stack that of the embedded platform, or of kind where
 * `PLATFORM` says so; for every other one see {@link stackEnvironment}. Returns what takes it back.
 */
export function enterStack(stack: string): () => void {
  const added = stackEnvironment(stack);
  const before = Object.keys(added).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, added);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  };
}

/**
 * What a shell needs for a stack. Backend, passphrase, builder and cluster of another stack than the platform's own are the user's; it
 * gets the platform's programs, after those of the user.
 */
export function stackEnvironment(
  stack: string,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  if (stack === localStack) {
    const kind = env["PLATFORM"] === "kind";
    return kind ? kindEnvironment(readKindSettings()) : environment(readPlatformSettings());
  }
  const settings = readPlatformSettings(env);
  const home = pulumiHome(settings, env);
  const made = existsSync(pulumiBin(home));
  // The one of npm downloads itself.
  const bin = made ? pulumiBin(home) : join(project, "node_modules/.bin");
  const tools: Record<string, string> = {
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NODE_COMPILE_CACHE: compileCache,
    DOCKER_BUILDKIT: "1",
    PATH: [env["PATH"] ?? "", toolFolder(settings), bin].join(":"),
    // Where Pulumi cannot be downloaded, the plugins are there as well.
    ...(made ? { PULUMI_HOME: home } : {}),
    // A shell may have the one of the platform's own stack.
    ...(env[configVariable] === stackConfigFile(settings) ? { [configVariable]: "" } : {}),
  };
  const own = { ...tools, ...registryVariables(stack, { ...env, ...tools }) };
  return { ...own, ...writeDockerConfig(join(project, ".tinyolly/docker"), { ...env, ...own }) };
}

/** What the credentials of the environment and of the stack's configuration are for. */
function registryVariables(stack: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const configuration = readStackConfiguration(stack, env);
  const named = variable(env, "TINYOLLY_REGISTRY_TOKEN") && variable(env, "TINYOLLY_REGISTRY_HOST");
  return {
    // A token that comes with its registry goes to no other one.
    TINYOLLY_REGISTRY_HOST: named ?? configuration["tinyolly:registryPush"] ?? "",
    // Pulumi is asked for a token only where there is one; a shell may have another stack's.
    TINYOLLY_STACK: hasSecret(stack, "registryToken", env) ? stack : "",
  };
}

/**
 * Configuration of the local stack for this platform: `Pulumi.local.yaml` itself, or a copy with other endpoints where
 * the platform listens on other ports. Undefined means the former.
 */
export function stackConfig(settings: PlatformSettings): string | undefined {
  const { ports } = settings;
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
  const file = stackConfigFile(settings);
  mkdirSync(settings.state, { recursive: true });
  writeFileSync(file, document.toString());
  return file;
}

function stackConfigFile({ state }: PlatformSettings): string {
  return join(state, "Pulumi.local.yaml");
}
