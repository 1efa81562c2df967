import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import type { Service } from "./processes";
import {
  type PlatformSettings,
  builderName,
  kubeContext,
  registryHosts,
  sockets,
} from "./settings";

/** Servers in the order in which they start; each stands on the ones before it. */
export type ServiceFactory = (settings: PlatformSettings) => Service;

/** Everything that makes the platform, in start order. */
export const serviceFactories: readonly ServiceFactory[] = [
  (settings) => registry(settings, "registry", settings.ports.registry),
  (settings) => registry(settings, "registry-tls", settings.ports.registryTls, tlsFiles(settings)),
  (settings) => registry(settings, "registry-in-cluster", settings.ports.registryInCluster),
  buildkitd,
  etcd,
  apiServer,
  controllerManager,
];

/** Argo CD's servers, which need the cluster's API and its CRDs first. */
export const argocdFactories: readonly ServiceFactory[] = [
  redis,
  repoServer,
  applicationController,
];

/** Kubeconfig of the platform's administrator. */
export function kubeconfigFile({ state }: PlatformSettings): string {
  return join(state, "kubeconfig");
}

/** Folder that `BUILDX_CONFIG` names. */
export function buildxFolder({ state }: PlatformSettings): string {
  return join(state, "buildx");
}

/** Socket of BuildKit as buildctl and buildx name it. */
export function buildkitAddress({ state }: PlatformSettings): string {
  return `unix://${join(state, sockets.buildkitd)}`;
}

/** Three servers on one folder: the image store is made for several writers. */
function registry(
  settings: PlatformSettings,
  name: string,
  port: number,
  tls?: { certificate: string; key: string },
): Service {
  const folder = join(settings.state, "registry");
  mkdirSync(folder, { recursive: true });
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: folder },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: true, age: "24h", interval: "24h", dryrun: false } },
    },
    http: {
      addr: `127.0.0.1:${port}`,
      secret: secret(settings, "registry-secret"),
      ...(tls ? { tls: { certificate: tls.certificate, key: tls.key } } : {}),
    },
  };
  const file = writeConfig(settings, `${name}.json`, JSON.stringify(config, undefined, 2));
  return {
    name,
    command: ["registry", "serve", file],
    env: { OTEL_TRACES_EXPORTER: "none" },
    address: `127.0.0.1:${port}`,
    ready: async () =>
      (await get(`${tls ? "https" : "http"}://127.0.0.1:${port}/v2/`)).status === 200,
    patience: 20,
  };
}

function buildkitd(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const mirror = `localhost:${ports.registry}`;
  const config = [
    `root = ${JSON.stringify(join(state, "buildkit"))}`,
    `[grpc]`,
    `  address = [${JSON.stringify(buildkitAddress(settings))}]`,
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
    `[registry."${registryHosts.tls}:${ports.registryTls}"]`,
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

function etcd({ state, ports }: PlatformSettings): Service {
  const client = `http://127.0.0.1:${ports.etcd}`;
  const peer = `http://127.0.0.1:${ports.etcdPeer}`;
  return {
    name: "etcd",
    command: [
      "etcd",
      `--name=tinyolly`,
      `--data-dir=${join(state, "etcd")}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=tinyolly=${peer}`,
      `--log-level=warn`,
    ],
    address: client,
    ready: async () => (await get(`${client}/health`)).status === 200,
    patience: 30,
  };
}

function apiServer(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const folder = join(state, "kubernetes");
  mkdirSync(folder, { recursive: true });
  const accountKey = join(folder, "service-accounts.key");
  if (!existsSync(accountKey)) {
    execFileSync("openssl", ["genrsa", "-out", accountKey, "2048"], { stdio: "ignore" });
    chmodSync(accountKey, 0o600);
  }
  const token = secret(settings, "admin-token");
  writeConfig(settings, "tokens.csv", `${token},admin,admin,system:masters\n`);
  const address = `https://127.0.0.1:${ports.apiServer}`;
  writeKubeconfig(settings, address, token);
  return {
    name: "kube-apiserver",
    command: [
      "kube-apiserver",
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      `--bind-address=127.0.0.1`,
      `--secure-port=${ports.apiServer}`,
      `--cert-dir=${folder}`,
      `--endpoint-reconciler-type=none`,
      `--service-cluster-ip-range=10.96.0.0/16`,
      `--authorization-mode=Node,RBAC`,
      `--anonymous-auth=false`,
      `--token-auth-file=${join(state, "config", "tokens.csv")}`,
      `--service-account-key-file=${accountKey}`,
      `--service-account-signing-key-file=${accountKey}`,
      `--service-account-issuer=https://kubernetes.default.svc.cluster.local`,
      `--v=1`,
    ],
    address,
    ready: async () =>
      (await get(`${address}/readyz`, { authorization: `Bearer ${token}` })).status === 200,
    patience: 90,
  };
}

function controllerManager(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const folder = join(state, "kubernetes");
  const address = `https://127.0.0.1:${ports.controllerManager}`;
  return {
    name: "kube-controller-manager",
    command: [
      "kube-controller-manager",
      `--kubeconfig=${kubeconfigFile(settings)}`,
      `--bind-address=127.0.0.1`,
      `--secure-port=${ports.controllerManager}`,
      `--cert-dir=${folder}/controller-manager`,
      `--service-account-private-key-file=${join(folder, "service-accounts.key")}`,
      `--root-ca-file=${join(folder, "apiserver.crt")}`,
      `--leader-elect=false`,
      `--v=1`,
    ],
    address,
    ready: async () => (await get(`${address}/healthz`)).status === 200,
    patience: 60,
  };
}

function redis({ state, ports }: PlatformSettings): Service {
  const folder = join(state, "redis");
  mkdirSync(folder, { recursive: true });
  return {
    name: "argocd-redis",
    command: [
      "redis-server",
      "--bind",
      "127.0.0.1",
      "--port",
      String(ports.redis),
      "--dir",
      folder,
      "--save",
      "",
      "--appendonly",
      "no",
    ],
    address: `127.0.0.1:${ports.redis}`,
    ready: () => accepts(ports.redis),
    patience: 20,
  };
}

function repoServer(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const folder = join(state, "argocd");
  mkdirSync(join(folder, "gpg"), { recursive: true });
  mkdirSync(join(folder, "plugins"), { recursive: true });
  return {
    name: "argocd-repo-server",
    command: [
      "argocd",
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
      ARGOCD_BINARY_NAME: "argocd-repo-server",
      ARGOCD_GPG_ENABLED: "false",
      ARGOCD_PLUGINSOCKFILEPATH: join(folder, "plugins"),
      TMPDIR: ensure(join(folder, "tmp")),
      HOME: folder,
    },
    address: `127.0.0.1:${ports.repoServer}`,
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
      "argocd",
      `--kubeconfig=${kubeconfigFile(settings)}`,
      `--namespace=argocd`,
      `--repo-server=127.0.0.1:${ports.repoServer}`,
      `--repo-server-plaintext`,
      `--redis=127.0.0.1:${ports.redis}`,
      `--metrics-port=${ports.controllerMetrics}`,
      `--loglevel=warn`,
    ],
    env: {
      ARGOCD_BINARY_NAME: "argocd-application-controller",
      HOME: ensure(join(state, "argocd")),
      // It runs beside the cluster, and "in-cluster" Applications go to the cluster of this kubeconfig.
      ARGOCD_FAKE_IN_CLUSTER: "true",
      KUBECONFIG: kubeconfigFile(settings),
    },
    address: `127.0.0.1:${ports.controllerMetrics}`,
    ready: async () =>
      (await get(`http://127.0.0.1:${ports.controllerMetrics}/healthz`)).status === 200,
    patience: 60,
  };
}

function writeKubeconfig(settings: PlatformSettings, server: string, token: string): void {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: kubeContext,
        cluster: {
          server,
          "certificate-authority": join(settings.state, "kubernetes", "apiserver.crt"),
        },
      },
    ],
    users: [{ name: kubeContext, user: { token } }],
    contexts: [{ name: kubeContext, context: { cluster: kubeContext, user: kubeContext } }],
    "current-context": kubeContext,
  };
  writeFileSync(kubeconfigFile(settings), JSON.stringify(config, undefined, 2), { mode: 0o600 });
}

/** Self-signed: the push endpoint of a kind cluster has no certificate that could be verified either. */
function tlsFiles(settings: PlatformSettings): { certificate: string; key: string } {
  const folder = ensure(join(settings.state, "registry-tls"));
  const files = { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  if (!existsSync(files.certificate)) {
    execFileSync(
      "openssl",
      [
        ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650".split(
          " ",
        ),
        ...[
          "-subj",
          `/CN=${registryHosts.tls}`,
          "-addext",
          `subjectAltName=DNS:${registryHosts.tls},DNS:localhost,IP:127.0.0.1`,
        ],
        ...["-keyout", files.key, "-out", files.certificate],
      ],
      { stdio: "ignore" },
    );
    chmodSync(files.key, 0o600);
  }
  return files;
}

/** A random secret that stays the same for the life of the platform. */
function secret({ state }: PlatformSettings, name: string): string {
  const file = join(ensure(join(state, "secrets")), name);
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString("hex"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

function writeConfig({ state }: PlatformSettings, name: string, content: string): string {
  const file = join(ensure(join(state, "config")), name);
  writeFileSync(file, content, { mode: 0o600 });
  return file;
}

function ensure(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

function succeeds(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore", timeout: 5000 });
    return true;
  } catch {
    return false;
  }
}

/** GET without checking certificates: these are the platform's own servers on loopback. */
export function get(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const send = url.startsWith("https:") ? httpsRequest : httpRequest;
    const sent = send(url, { headers, rejectUnauthorized: false, timeout: 2000 }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer within 2 s")));
    sent.on("error", reject);
    sent.end();
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
