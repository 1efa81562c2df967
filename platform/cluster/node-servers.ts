import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { accepts, get, getInNode } from "../machine/http.ts";
import { type Service, servicePid } from "../machine/processes.ts";
import { asRoot, rootFolder } from "../machine/root.ts";
import { statFields } from "../machine/start-time.ts";
import { ensureFolder, writeConfig } from "../machine/state-files.ts";
import {
  PlatformError,
  type PlatformSettings,
  clusterDomain,
  dnsAddress,
  nodeAddress,
  nodeName,
  podRange,
  registryHosts,
  serviceRange,
  sockets,
} from "../settings.ts";
import { toolFolder } from "../tools/links.ts";
import {
  apiAddress,
  apiServerTrust,
  kubeletClient,
  kubeletServer,
  serverKubeconfig,
  token,
} from "./access.ts";

/** Image of every pod's sandbox, in the platform's registry. */
export const pauseRepository = "platform/pause";

const containerdSocket = "/run/containerd/containerd.sock";
/** At the node's loopback. Only root reaches the socket. */
const containerdMetrics = "127.0.0.1:1338";

const disabledPlugins = [
  "io.containerd.nri.v1.nri",
  "io.containerd.differ.v1.erofs",
  "io.containerd.snapshotter.v1.erofs",
];

/** Folder with the node's configuration. */
export function nodeFolder({ state }: PlatformSettings): string {
  return ensureFolder(join(state, "node"));
}

/** Folder with what the node's servers keep, and their sockets; see {@link provideRootFolder}. */
function dataFolder(settings: PlatformSettings): string {
  return join(rootFolder(settings), "node");
}

/** Folder with a link to each CNI plugin. */
export function cniFolder(settings: PlatformSettings): string {
  return join(nodeFolder(settings), "cni");
}

/** Socket of an HTTP proxy that connects inside the node's network. */
export function nodeSocket(settings: PlatformSettings): string {
  return join(rootFolder(settings), sockets.node);
}

/** The node's network, its mounts and its processes, apart from those of the host. */
export function node(settings: PlatformSettings): Service {
  const { ports } = settings;
  const reach = [
    ...[ports.apiServer, ports.registryInCluster].map(String),
    ...rehearsalAddresses(settings),
  ].map((from) => `--reach=${from}=127.0.0.1:${from.replace(/^.*:/, "")}`);
  const address = `127.0.0.1:${ports.ui}`;
  return {
    name: "node",
    command: [
      "tinyolly-node",
      `--folder=${dataFolder(settings)}`,
      `--owner=${process.getuid?.() ?? 0}`,
      `--address=${nodeAddress}`,
      `--services=${serviceRange}`,
      `--cgroup=${controlGroup(settings)}`,
      ...reach,
      ...hostPaths(settings),
      `--publish=${address}=${serviceAddress("webui", 80)}`,
      `--publish=127.0.0.1:${ports.otlp}=${serviceAddress("otlp-receiver", 4343)}`,
      `--publish=127.0.0.1:${ports.otlpHttp}=${serviceAddress("otlp-receiver", 4318)}`,
    ],
    address,
    ports: [ports.ui, ports.otlp, ports.otlpHttp],
    ready: async () =>
      initPid(settings) !== "0" &&
      (await getInNode(settings, "http://127.0.0.1:1/")).status === 502,
    patience: 20,
  };
}

/** What the node sees of this machine beside its programs in /usr: nothing else could a pod with a volume of it have. */
function hostPaths(settings: PlatformSettings): string[] {
  const { state, cache } = settings;
  const written = [dataFolder(settings), volumesFolder(settings)];
  const links = [toolFolder(settings), cniFolder(settings)].filter((folder) => existsSync(folder));
  const tools = links.flatMap((folder) =>
    readdirSync(folder).map((name) => dirname(realpathSync(join(folder, name)))),
  );
  const shared = join(cache, "tools");
  const others = tools.filter((folder) => !`${folder}/`.startsWith(`${shared}/`));
  const folders = ["bin", "config", "kubernetes/pki", "rehearsal", "node"];
  const read = folders.map((name) => join(state, name)).filter((path) => !written.includes(path));
  return [
    ...written.map((path) => `--write=${path}`),
    ...[...read, shared, ...new Set(others)].map((path) => `--read=${path}`),
  ];
}

/** The name of the rehearsal's registry means loopback in the node as well, and so does `localhost`. */
function rehearsalAddresses({ rehearsal, rehearsalPorts }: PlatformSettings): string[] {
  const { registry, tokens, airgap } = rehearsalPorts;
  return rehearsal ? [registry, tokens, airgap].map((port) => `127.0.0.1:${port}`) : [];
}

/** Address of a Service of TinyOlly, which the host reaches at a port of its own. */
function serviceAddress(component: string, port: number): string {
  return `tinyolly-${component}.tinyolly.svc.${clusterDomain}:${port}`;
}

export function containerd(settings: PlatformSettings): Service {
  const { registryInCluster } = settings.ports;
  const registry = `${registryHosts.inCluster}:${registryInCluster}`;
  const server = `http://${nodeAddress}:${registryInCluster}`;
  writeRegistry(settings, registry, [`server = "${server}"`, `[host."${server}"]`]);
  const mirror = `${server}/v2/mirror`;
  writeRegistry(settings, "docker.io", [
    `server = "${mirror}"`,
    `[host."${mirror}"]`,
    `  override_path = true`,
  ]);
  const images = `plugins.'io.containerd.cri.v1.images'`;
  const runtime = `plugins.'io.containerd.cri.v1.runtime'`;
  const config = [
    `version = 3`,
    `root = ${JSON.stringify(join(dataFolder(settings), "containerd"))}`,
    `state = "/run/containerd"`,
    // Without mkfs.erofs on the machine, the erofs ones take the image service down with them.
    `disabled_plugins = [${disabledPlugins.map((plugin) => JSON.stringify(plugin)).join(", ")}]`,
    `[grpc]`,
    `  address = "${containerdSocket}"`,
    `[metrics]`,
    `  address = "${containerdMetrics}"`,
    `[${images}]`,
    `  snapshotter = "overlayfs"`,
    `[${images}.pinned_images]`,
    `  sandbox = "${registry}/${pauseRepository}:latest"`,
    `[${images}.registry]`,
    `  config_path = ${JSON.stringify(registriesFolder(settings))}`,
    `[${runtime}]`,
    // Where the machine lacks CAP_SYS_RESOURCE, no pod would start.
    `  restrict_oom_score_adj = true`,
    `[${runtime}.cni]`,
    `  bin_dirs = [${JSON.stringify(cniFolder(settings))}]`,
    `  conf_dir = ${JSON.stringify(writeNetwork(settings))}`,
    `[${runtime}.containerd.runtimes.runc]`,
    `  runtime_type = "io.containerd.runc.v2"`,
    ``,
  ].join("\n");
  return {
    name: "containerd",
    command: inNode(settings, [
      "containerd",
      `--config=${writeConfig(settings, "containerd.toml", config)}`,
      "--log-level=warn",
    ]),
    address: `unix://${containerdSocket}`,
    ready: async () =>
      (await getInNode(settings, `http://${containerdMetrics}/v1/metrics`)).status === 200,
    patience: 30,
  };
}

export function kubelet(settings: PlatformSettings): Service {
  const serving = kubeletServer(settings);
  const config = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: nodeAddress,
    healthzBindAddress: "127.0.0.1",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: kubeletClient(settings).certificate },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: serving.certificate,
    tlsPrivateKeyFile: serving.key,
    clusterDNS: [dnsAddress],
    clusterDomain,
    // The host's name servers are out of reach for pods.
    resolvConf: "",
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    // Its default is beside the programs, which the node may not write.
    volumePluginDir: join(dataFolder(settings), "volume-plugins"),
    podLogsDir: join(dataFolder(settings), "logs"),
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${controlGroup(settings)}`,
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
    serializeImagePulls: false,
    // Age decides, since parts of a disk that others fill as well say nothing. The registry has every image.
    imageGCHighThresholdPercent: 100,
    imageMaximumGCAge: "1h",
    // So little that servers of the platform would fail next.
    evictionHard: {
      "nodefs.available": "256Mi",
      "imagefs.available": "256Mi",
      "nodefs.inodesFree": "0%",
    },
    evictionPressureTransitionPeriod: "30s",
    containerLogMaxSize: "10Mi",
    containerLogMaxFiles: 2,
    shutdownGracePeriod: "0s",
  };
  return {
    name: "kubelet",
    command: inNode(settings, [
      "kubelet",
      `--config=${writeConfig(settings, "kubelet.json", JSON.stringify(config, undefined, 2))}`,
      `--kubeconfig=${serverKubeconfig(settings, "kubelet", apiInNode(settings))}`,
      // A short path, which the node binds to its folder: sockets in it have a limit.
      `--root-dir=/run/kubelet`,
      `--hostname-override=${nodeName}`,
      `--node-ip=${nodeAddress}`,
      `--v=1`,
    ]),
    address: `${nodeAddress}:10250`,
    ready: () => isNodeReady(settings),
    patience: 90,
  };
}

export function kubeProxy(settings: PlatformSettings): Service {
  const config = {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    clientConnection: { kubeconfig: serverKubeconfig(settings, "proxy", apiInNode(settings)) },
    mode: "nftables",
    hostnameOverride: nodeName,
    clusterCIDR: podRange,
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    // These limits are the host's.
    conntrack: { maxPerCore: 0, min: 0 },
    oomScoreAdj: 0,
  };
  const file = writeConfig(settings, "kube-proxy.json", JSON.stringify(config, undefined, 2));
  return {
    name: "kube-proxy",
    command: inNode(settings, ["kube-proxy", `--config=${file}`, `--v=1`]),
    address: "127.0.0.1:10256",
    ready: async () => (await getInNode(settings, "http://127.0.0.1:10256/healthz")).status === 200,
    patience: 60,
  };
}

export function scheduler(settings: PlatformSettings): Service {
  const kubeconfig = serverKubeconfig(settings, "scheduler", apiInNode(settings));
  return {
    name: "kube-scheduler",
    command: inNode(
      settings,
      [
        "kube-scheduler",
        `--kubeconfig=${kubeconfig}`,
        `--bind-address=127.0.0.1`,
        `--leader-elect=false`,
        `--v=1`,
      ],
      "caller",
    ),
    address: "127.0.0.1:10259",
    ready: async () => (await getInNode(settings, "https://127.0.0.1:10259/readyz")).status === 200,
    patience: 60,
  };
}

export function coreDns(settings: PlatformSettings): Service {
  const kubeconfig = serverKubeconfig(settings, "coredns", apiInNode(settings));
  const config = [
    `${clusterDomain} in-addr.arpa ip6.arpa {`,
    `  bind ${nodeAddress}`,
    `  kubernetes ${clusterDomain} in-addr.arpa ip6.arpa {`,
    `    kubeconfig ${JSON.stringify(kubeconfig)}`,
    `    ttl 5`,
    `  }`,
    `  loadbalance`,
    `  ready 127.0.0.1:8181`,
    `  errors`,
    `}`,
    ``,
  ].join("\n");
  return {
    name: "coredns",
    command: inNode(
      settings,
      ["coredns", "-quiet", "-conf", writeConfig(settings, "Corefile", config)],
      "caller",
    ),
    address: `${nodeAddress}:53`,
    ready: async () => (await getInNode(settings, "http://127.0.0.1:8181/ready")).status === 200,
    patience: 60,
  };
}

/** Makes volumes for claims; runs beside the node, since it only makes folders. */
export function volumes(settings: PlatformSettings): Service {
  const socket = join(rootFolder(settings), sockets.volumes);
  return {
    name: "volumes",
    command: [
      "tinyolly-volumes",
      `--kubeconfig=${serverKubeconfig(settings, "volumes")}`,
      `--folder=${volumesFolder(settings)}`,
      `--node=${nodeName}`,
      `--socket=${socket}`,
      `--owner=${process.getuid?.() ?? 0}`,
    ],
    address: `unix://${socket}`,
    ready: () => accepts({ path: socket }),
    patience: 20,
  };
}

function volumesFolder(settings: PlatformSettings): string {
  return join(rootFolder(settings), "volumes");
}

/** Address of the API as the node reaches it. */
function apiInNode({ ports }: PlatformSettings): string {
  return `https://${nodeAddress}:${ports.apiServer}`;
}

/** Runs a command inside the namespaces that {@link node} holds, which only root can enter. */
function inNode(
  settings: PlatformSettings,
  command: readonly [string, ...string[]],
  user: "root" | "caller" = "root",
): readonly [string, ...string[]] {
  const { getuid, getgid } = process;
  const ids = [`--setuid=${getuid?.() ?? 0}`, `--setgid=${getgid?.() ?? 0}`];
  return [
    "nsenter",
    `--target=${initPid(settings)}`,
    "--net",
    "--mount",
    "--pid",
    "--ipc",
    ...(user === "caller" ? ids : []),
    "--",
    // The caller's may not be there.
    ...["env", "TMPDIR=/tmp"],
    ...command,
  ];
}

/** The first process of the namespaces; 0 before there is one, whoever has the pid of an earlier one now. */
function initPid(settings: PlatformSettings): string {
  const file = join(dataFolder(settings), "init.pid");
  const pid = existsSync(file) ? readFileSync(file, "utf8") : "0";
  const parent = statFields(Number(pid))?.[1];
  return parent === String(servicePid(settings.state, "node")) ? pid : "0";
}

async function isNodeReady(settings: PlatformSettings): Promise<boolean> {
  const authorization = `Bearer ${token(settings, "admin")}`;
  const url = `${apiAddress(settings)}/api/v1/nodes/${nodeName}`;
  const { status, body } = await get(url, { authorization }, apiServerTrust(settings));
  if (status !== 200) return false;
  const health = await getInNode(settings, "http://127.0.0.1:10248/healthz");
  // A Node as the API has it.
  const { status: state } = JSON.parse(body) as {
    status: { conditions?: { type: string; status: string }[] };
  };
  const ready = state.conditions?.some((c) => c.type === "Ready" && c.status === "True");
  return health.status === 200 && ready === true;
}

/** Name of the control group of this platform's pods; two platforms have two. */
function controlGroup({ state }: PlatformSettings): string {
  return `tinyolly-${createHash("sha256").update(state).digest("hex").slice(0, 8)}`;
}

/** Removes the control groups that a node which was killed has left. */
export function removeControlGroup(settings: PlatformSettings): void {
  const group = controlGroup(settings);
  const hierarchies = ["", ...readdirSync("/sys/fs/cgroup")];
  const left = hierarchies.some((name) => existsSync(join("/sys/fs/cgroup", name, group)));
  const program = join(toolFolder(settings), "tinyolly-node");
  if (!left || !existsSync(program)) return;
  const [command, ...args] = asRoot([program, `--cgroup=${group}`, "remove-cgroup"]);
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new PlatformError(`the control group ${group} is left: ${stderr.trim()}`);
}

function registriesFolder(settings: PlatformSettings): string {
  return join(nodeFolder(settings), "registries");
}

/** Where containerd finds a registry, as on the nodes of a kind cluster. */
function writeRegistry(settings: PlatformSettings, name: string, lines: readonly string[]): void {
  const folder = ensureFolder(join(registriesFolder(settings), name));
  const text = [...lines, `  capabilities = ["pull", "resolve"]`, ``].join("\n");
  writeFileSync(join(folder, "hosts.toml"), text);
}

/** Network of the pods: routes and no bridge, which would need a kernel module more. */
function writeNetwork(settings: PlatformSettings): string {
  const folder = join(nodeFolder(settings), "network");
  mkdirSync(folder, { recursive: true });
  const config = {
    cniVersion: "1.0.0",
    name: "pods",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: {
          type: "host-local",
          dataDir: "/run/cni/addresses",
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  };
  writeFileSync(join(folder, "10-pods.conflist"), JSON.stringify(config, undefined, 2));
  return folder;
}
