import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import { InputError } from "../delivery/basics/input-error.ts";
import { variable } from "../delivery/basics/variable.ts";
import { type RehearsalPorts, rehearsalPortVariables } from "./ghcr/ports.ts";

/** Folder of the checkout. */
export const project = resolve(import.meta.dirname, "..");

/** Where Node keeps what it has compiled; goes with the packages. */
export const compileCache = join(project, "node_modules/.cache/node");

/** Where one platform keeps its state and listens; several can run side by side. */
export interface PlatformSettings {
  /** Folder that holds everything but tools: data, logs, sockets, pids, Pulumi's state. */
  readonly state: string;
  /** Folder of tools, shared by all checkouts of the user. */
  readonly cache: string;
  readonly ports: Ports;
  /** Whether builder, node and Argo CD also know the registries on which a release is rehearsed. */
  readonly rehearsal: boolean;
  readonly rehearsalPorts: RehearsalPorts;
  /** Platforms that images can be built for, the machine's own first. */
  readonly platforms: readonly string[];
}

/** TCP ports on loopback. */
export interface Ports {
  /** Registry with TLS: `registry.tinyolly.test`. */
  readonly registryTls: number;
  /** Registry over plain HTTP, as the NodePort of a kind cluster has it. */
  readonly registry: number;
  /** Registry under its in-cluster name. */
  readonly registryInCluster: number;
  readonly apiServer: number;
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly redis: number;
  readonly repoServer: number;
  readonly repoServerMetrics: number;
  readonly controllerMetrics: number;
  /** The web UI of TinyOlly. */
  readonly ui: number;
  /** Telemetry for TinyOlly by OTLP/gRPC. */
  readonly otlp: number;
  /** The same by OTLP/HTTP. */
  readonly otlpHttp: number;
}

/**
 * Environment variable and default of each port; docs/platform.md lists them. All but the specification's 49443 lie below the
 * range out of which the kernel gives ports to connections. No two are a multiple of {@link offsetStep} apart that two offsets could
 * make up for.
 */
export const portVariables: Readonly<
  Record<keyof Ports, readonly [variable: string, port: number]>
> = {
  registryTls: ["TINYOLLY_PORT_REGISTRY_TLS", 49443],
  registry: ["TINYOLLY_PORT_REGISTRY", 30500],
  registryInCluster: ["TINYOLLY_PORT_REGISTRY_IN_CLUSTER", 5000],
  apiServer: ["TINYOLLY_PORT_API_SERVER", 6443],
  etcd: ["TINYOLLY_PORT_ETCD", 12379],
  etcdPeer: ["TINYOLLY_PORT_ETCD_PEER", 12380],
  controllerManager: ["TINYOLLY_PORT_CONTROLLER_MANAGER", 10257],
  redis: ["TINYOLLY_PORT_REDIS", 16389],
  repoServer: ["TINYOLLY_PORT_REPO_SERVER", 18081],
  repoServerMetrics: ["TINYOLLY_PORT_REPO_SERVER_METRICS", 18084],
  controllerMetrics: ["TINYOLLY_PORT_CONTROLLER_METRICS", 18082],
  ui: ["TINYOLLY_PORT_UI", 5002],
  otlp: ["TINYOLLY_PORT_OTLP", 4317],
  otlpHttp: ["TINYOLLY_PORT_OTLP_HTTP", 4318],
};

/** Takes the place of 49443 where ports are moved, since others of that size may be a connection's. */
const movedRegistryTls = 29_443;

/** Platforms whose offsets differ by a multiple of this share no port. */
const offsetStep = 100;

/** With these, every port lies between the ones that only root may use and those of connections (32768 and above). */
const offsetRange = [-3200, 2200] as const;

/** Names under which the registry is reached; the platform maps them to loopback in /etc/hosts. */
export const registryHosts = {
  tls: "registry.tinyolly.test",
  inCluster: "docker-registry.registry.svc.cluster.local",
} as const;

/** The node, and the addresses of its network, which only the node itself can reach. */
export const nodeName = "tinyolly";
export const nodeAddress = "10.244.0.1";
export const podRange = "10.244.0.0/24";
export const serviceRange = "10.96.0.0/16";
export const apiServiceAddress = "10.96.0.1";
export const dnsAddress = "10.96.0.10";
export const clusterDomain = "cluster.local";

/** Name of the buildx builder and of the kubeconfig's context. */
export const builderName = "tinyolly";
export const kubeContext = "tinyolly";

/** Name of the Pulumi stack that the platform makes. */
export const localStack = "local";

/** A wrong environment or machine: its message says what to do. */
export class PlatformError extends InputError {
  public override readonly name = "PlatformError";
}

/** Platforms that the bases can be made for, by Node's name of the architecture. */
const platformOf: Readonly<Record<string, string>> = { x64: "linux/amd64", arm64: "linux/arm64" };

/** This machine's platform, such as `linux/amd64`. */
export const hostPlatform = platformOf[process.arch] ?? `linux/${process.arch}`;

/**
 * Reads where the platform lives, and what it is for, from the variables `TINYOLLY_*` that docs/platform.md lists.
 *
 * @param stateVariable variable that the user sets for the folder of the state, for messages.
 */
export function readPlatformSettings(
  env: NodeJS.ProcessEnv = process.env,
  stateVariable = "TINYOLLY_STATE",
): PlatformSettings {
  const state = resolve(project, variable(env, "TINYOLLY_STATE") ?? ".tinyolly/platform");
  const cacheHome = variable(env, "XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  if (!relative(state, project).startsWith("..")) {
    throw new PlatformError(
      `${stateVariable} is "${state}", which holds this checkout; name a folder that make platform-reset may delete`,
    );
  }
  if (Object.values(sockets).some((socket) => join(state, socket).length > 100)) {
    throw new PlatformError(
      `the path ${state} is too long for a socket; set ${stateVariable} to a shorter one`,
    );
  }
  const taken = new Map<number, string>();
  const offset = readPortOffset(env);
  return {
    state,
    cache: resolve(variable(env, "TINYOLLY_CACHE") ?? join(cacheHome, "tinyolly")),
    ports: readPorts(portVariables, offset, env, taken),
    rehearsal: readRehearsal(env),
    rehearsalPorts: readPorts(rehearsalPortVariables, offset, env, taken),
    platforms: readPlatforms(env["TINYOLLY_PLATFORMS"] ?? ""),
  };
}

function readPlatforms(list: string): string[] {
  const asked = list.split(",").filter((name) => name !== "");
  const known = Object.values(platformOf);
  if (!asked.every((name) => known.includes(name))) {
    throw new PlatformError(
      `TINYOLLY_PLATFORMS is "${list}", but must be one or more of ${known.join(", ")}, with commas between them`,
    );
  }
  return [...new Set([hostPlatform, ...asked])];
}

/** Sockets, relative to the state folder. */
export const sockets = {
  buildkitd: "buildkitd.sock",
  node: "node/node.sock",
  volumes: "volumes.sock",
  askPass: "ask-pass.sock",
} as const;

function readRehearsal(env: NodeJS.ProcessEnv): boolean {
  const given = env["TINYOLLY_REHEARSAL"] ?? "";
  if (!["", "0", "1"].includes(given)) {
    throw new PlatformError(
      `TINYOLLY_REHEARSAL is "${given}", but must be 1 for a platform that rehearses releases, or 0`,
    );
  }
  return given === "1";
}

/** By how much `TINYOLLY_PORT_OFFSET` moves every port that has no variable set; 0 where it is not set. */
export function readPortOffset(env: NodeJS.ProcessEnv = process.env): number {
  const text = variable(env, "TINYOLLY_PORT_OFFSET") ?? "0";
  const offset = Number(text);
  const [least, most] = offsetRange;
  if (offset % offsetStep !== 0 || offset < least || offset > most) {
    throw new PlatformError(
      `TINYOLLY_PORT_OFFSET is "${text}", but must be a multiple of ${offsetStep} from ${least} to ${most}, so that ` +
        `platforms side by side share no port`,
    );
  }
  return offset;
}

/** Variables that set every port as `TINYOLLY_PORT_OFFSET` would, whichever of them the user has set for another platform. */
export function raisedPorts(offset: number): Record<string, string> {
  const ports = [...Object.values(portVariables), ...Object.values(rehearsalPortVariables)];
  return Object.fromEntries(ports.map(([name, port]) => [name, String(moved(port, offset))]));
}

function moved(port: number, offset: number): number {
  if (offset === 0) return port;
  return (port === portVariables.registryTls[1] ? movedRegistryTls : port) + offset;
}

/** Reads ports, none of which may be among those that are `taken`, and adds them there. */
function readPorts<Name extends string>(
  variables: Readonly<Record<Name, readonly [variable: string, port: number]>>,
  offset: number,
  env: NodeJS.ProcessEnv,
  taken: Map<number, string>,
): Record<Name, number> {
  const read = ([name, fallback]: readonly [string, number]): number => {
    const text = env[name];
    const port = text === undefined ? moved(fallback, offset) : Number(text);
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw new PlatformError(`${name} is "${text ?? ""}", but must be a port from 1 to 65535`);
    }
    const other = taken.get(port);
    if (other !== undefined)
      throw new PlatformError(`${name} and ${other} are both ${port}; give each its own port`);
    taken.set(port, name);
    return port;
  };
  const names = Object.keys(variables) as Name[]; // Object.keys forgets the key type.
  // And so does Object.fromEntries.
  return Object.fromEntries(names.map((name) => [name, read(variables[name])])) as Record<
    Name,
    number
  >;
}
