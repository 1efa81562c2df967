import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { accepts, get } from "../machine/http.ts";
import type { Service } from "../machine/processes.ts";
import { rootFolder } from "../machine/root.ts";
import type { ServiceFactory } from "../machine/start-services.ts";
import {
  type Certificate,
  ensureFolder,
  secret,
  selfSigned,
  writeConfig,
} from "../machine/state-files.ts";
import { type PlatformSettings, builderName, registryHosts, sockets } from "../settings.ts";
import { kubeconfigFile } from "./access.ts";
import { apiServer, controllerManager, etcd } from "./control-plane.ts";
import {
  containerd,
  coreDns,
  kubeProxy,
  kubelet,
  node,
  scheduler,
  volumes,
} from "./node-servers.ts";
import { registryServer } from "./registry-server.ts";

/** What keeps and builds images, in start order. */
export const imageFactories: readonly ServiceFactory[] = [
  (settings) => registry(settings, "registry", settings.ports.registry),
  (settings) =>
    registry(settings, "registry-tls", settings.ports.registryTls, registryTls(settings)),
  (settings) => registry(settings, "registry-in-cluster", settings.ports.registryInCluster),
  buildkitd,
];

/** Kubernetes' own servers, in start order; each stands on the ones before it. */
export const clusterFactories: readonly ServiceFactory[] = [etcd, apiServer, controllerManager];

/** The Kubernetes node, which needs the cluster's API and the registry. */
export const nodeFactories: readonly ServiceFactory[] = [
  node,
  containerd,
  kubelet,
  kubeProxy,
  scheduler,
  coreDns,
  volumes,
];

/** Argo CD's servers, which need the cluster's API and its CRDs first. */
export const argocdFactories: readonly ServiceFactory[] = [
  redis,
  repoServer,
  applicationController,
];

/** Folder that `BUILDX_CONFIG` names. */
export function buildxFolder({ state }: PlatformSettings): string {
  return join(state, "buildx");
}

/** Socket of BuildKit as buildctl and buildx name it. */
export function buildkitAddress(settings: PlatformSettings): string {
  return `unix://${join(rootFolder(settings), sockets.buildkitd)}`;
}

/** Three servers on one folder: the image store is made for several writers. */
function registry(
  settings: PlatformSettings,
  name: string,
  port: number,
  tls?: Certificate,
): Service {
  const folder = join(settings.state, "registry");
  return registryServer(settings, { name, port, folder, ...(tls ? { tls } : {}) });
}

/** The builder of images. */
export function buildkitd(settings: PlatformSettings): Service {
  const mirror = `localhost:${settings.ports.registry}`;
  const config = [
    `root = ${JSON.stringify(join(rootFolder(settings), "buildkit"))}`,
    `[grpc]`,
    `  address = [${JSON.stringify(buildkitAddress(settings))}]`,
    `  uid = ${process.getuid?.() ?? 0}`,
    `  gid = ${process.getgid?.() ?? 0}`,
    `[worker.oci]`,
    `  enabled = true`,
    `  gc = true`,
    `  maxUsedSpace = "20GB"`,
    `[worker.containerd]`,
    `  enabled = false`,
    `[registry."docker.io"]`,
    `  mirrors = ["${mirror}/mirror"]`,
    `[registry."${mirror}"]`,
    `  http = true`,
    // Images start from others that were pushed there.
    `[registry."${registryHosts.tls}:${settings.ports.registryTls}"]`,
    `  insecure = true`,
    ``,
  ].join("\n");
  const file = writeConfig(settings, "buildkitd.toml", config);
  writeBuilder(settings);
  return {
    name: "buildkitd",
    command: ["buildkitd", "--config", file],
    address: buildkitAddress(settings),
    ready: () =>
      Promise.resolve(
        succeeds("buildctl", ["--addr", buildkitAddress(settings), "debug", "workers"]),
      ),
    patience: 60,
  };
}

/** What `docker buildx create --driver remote` would write. */
function writeBuilder(settings: PlatformSettings): void {
  const instances = join(buildxFolder(settings), "instances");
  mkdirSync(instances, { recursive: true });
  const node = {
    Name: `${builderName}0`,
    Endpoint: buildkitAddress(settings),
    Platforms: null,
    DriverOpts: null,
    Flags: null,
    Files: null,
  };
  const builder = { Name: builderName, Driver: "remote", Nodes: [node], Dynamic: false };
  writeFileSync(join(instances, builderName), JSON.stringify(builder));
}

function redis(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const config = [
    ...["bind 127.0.0.1", `port ${ports.redis}`, `dir "${ensureFolder(join(state, "redis"))}"`],
    ...['save ""', "appendonly no"],
    // A title takes the place of the environment, by which tests find what they have started.
    "set-proc-title no",
    // Argo CD applies the manifests that it keeps there.
    `requirepass ${redisPassword(settings)}`,
  ];
  return {
    name: "argocd-redis",
    command: ["redis-server", writeConfig(settings, "redis.conf", `${config.join("\n")}\n`)],
    address: `127.0.0.1:${ports.redis}`,
    ports: [ports.redis],
    ready: () => accepts({ host: "127.0.0.1", port: ports.redis }),
    patience: 20,
  };
}

function redisPassword(settings: PlatformSettings): string {
  return secret(settings, "redis-password");
}

function repoServer(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const folder = join(state, "argocd");
  mkdirSync(join(folder, "gpg"), { recursive: true });
  mkdirSync(join(folder, "plugins"), { recursive: true });
  return {
    name: "argocd-repo-server",
    command: [
      "argocd-repo-server",
      `--address=127.0.0.1`,
      `--port=${ports.repoServer}`,
      `--metrics-address=127.0.0.1`,
      `--metrics-port=${ports.repoServerMetrics}`,
      `--redis=127.0.0.1:${ports.redis}`,
      `--disable-tls`,
      `--client-ca-path=`,
      `--loglevel=warn`,
    ],
    env: {
      ARGOCD_GPG_ENABLED: "false",
      REDIS_PASSWORD: redisPassword(settings),
      ARGOCD_PLUGINSOCKFILEPATH: join(folder, "plugins"),
      // Else in /tmp, where platforms take it from one another, and cannot from those of other users.
      ARGOCD_ASK_PASS_SOCK: join(state, sockets.askPass),
      TMPDIR: ensureFolder(join(folder, "tmp")),
      HOME: folder,
    },
    address: `127.0.0.1:${ports.repoServer}`,
    ports: [ports.repoServer, ports.repoServerMetrics],
    ready: async () =>
      (await get(`http://127.0.0.1:${ports.repoServerMetrics}/healthz`)).status === 200,
    patience: 60,
  };
}

function applicationController(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  return {
    name: "argocd-application-controller",
    command: [
      "argocd-application-controller",
      `--kubeconfig=${kubeconfigFile(settings)}`,
      `--namespace=argocd`,
      `--repo-server=127.0.0.1:${ports.repoServer}`,
      `--repo-server-plaintext`,
      `--redis=127.0.0.1:${ports.redis}`,
      `--metrics-port=${ports.controllerMetrics}`,
      // What a killed controller left is taken up again at the next look.
      `--app-resync=30`,
      `--loglevel=warn`,
    ],
    env: {
      REDIS_PASSWORD: redisPassword(settings),
      HOME: ensureFolder(join(state, "argocd")),
      // It runs beside the cluster, and "in-cluster" Applications go to the cluster of this kubeconfig.
      ARGOCD_FAKE_IN_CLUSTER: "true",
      KUBECONFIG: kubeconfigFile(settings),
    },
    address: `127.0.0.1:${ports.controllerMetrics}`,
    ports: [ports.controllerMetrics],
    ready: async () =>
      (await get(`http://127.0.0.1:${ports.controllerMetrics}/healthz`)).status === 200,
    patience: 60,
  };
}

/** Self-signed: the push endpoint of a kind cluster has no certificate that could be verified either. */
function registryTls({ state }: PlatformSettings): Certificate {
  const names = `DNS:${registryHosts.tls},DNS:localhost,IP:127.0.0.1`;
  return selfSigned(join(state, "registry-tls"), `/CN=${registryHosts.tls}`, names);
}

function succeeds(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}
