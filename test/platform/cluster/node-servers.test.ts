import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tokenFile } from "../../../platform/cluster/access.ts";
import {
  containerd,
  coreDns,
  kubeProxy,
  kubelet,
  node,
  scheduler,
} from "../../../platform/cluster/node-servers.ts";
import { startTime } from "../../../platform/machine/start-time.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { linkTools, toolFolder } from "../../../platform/tools/links.ts";
import { folderWith, writeFiles } from "../../folders.ts";

function platform(env: NodeJS.ProcessEnv = {}): PlatformSettings {
  return readPlatformSettings({ TINYOLLY_STATE: folderWith({}), ...env });
}

const config = ({ state }: PlatformSettings, name: string): string =>
  readFileSync(join(state, "config", name), "utf8");

// The files are JSON objects.
const json = (settings: PlatformSettings, name: string): Record<string, unknown> =>
  JSON.parse(config(settings, name)) as Record<string, unknown>;

test("the node lets out connections to the API and the registry, and lets in those to the web UI and to OTLP", () => {
  const settings = platform({
    TINYOLLY_PORT_API_SERVER: "6444",
    TINYOLLY_PORT_REGISTRY_IN_CLUSTER: "5001",
    TINYOLLY_PORT_UI: "5003",
  });
  const { command } = node(settings);
  expect(command.filter((word) => /^--(?:reach|publish)/.test(word))).toEqual([
    "--reach=6444=127.0.0.1:6444",
    "--reach=5001=127.0.0.1:5001",
    "--publish=127.0.0.1:5003=tinyolly-webui.tinyolly.svc.cluster.local:80",
    "--publish=127.0.0.1:4317=tinyolly-otlp-receiver.tinyolly.svc.cluster.local:4343",
    "--publish=127.0.0.1:4318=tinyolly-otlp-receiver.tinyolly.svc.cluster.local:4318",
  ]);
});

test("with a rehearsal, its registries are also at the node's loopback, where their names lead", () => {
  const settings = platform({
    TINYOLLY_REHEARSAL: "1",
    TINYOLLY_PORT_REHEARSAL_REGISTRY: "49500",
    TINYOLLY_PORT_REHEARSAL_TOKENS: "49501",
    TINYOLLY_PORT_AIRGAP: "49502",
  });
  expect(node(settings).command.filter((word) => word.startsWith("--reach="))).toEqual([
    "--reach=6443=127.0.0.1:6443",
    "--reach=5000=127.0.0.1:5000",
    "--reach=127.0.0.1:49500=127.0.0.1:49500",
    "--reach=127.0.0.1:49501=127.0.0.1:49501",
    "--reach=127.0.0.1:49502=127.0.0.1:49502",
  ]);
});

test("the node sees of this machine what it writes, what its servers read, and the tools' folders", () => {
  const elsewhere = folderWith({ helm: "" });
  const cache = folderWith({ "tools/etcd-1/etcd": "" });
  const settings = platform({ TINYOLLY_CACHE: cache });
  const { state } = settings;
  const found = (name: string, path: string) => ({
    tool: { name, version: "1" },
    path,
    origin: "cache" as const,
  });
  linkTools(
    [found("etcd", join(cache, "tools/etcd-1/etcd")), found("helm", join(elsewhere, "helm"))],
    toolFolder(settings),
  );
  expect(node(settings).command.filter((word) => /^--(?:read|write)/.test(word))).toEqual([
    `--write=${state}/node`,
    `--write=${state}/volumes`,
    ...["bin", "config", "kubernetes/pki", "rehearsal"].map((name) => `--read=${state}/${name}`),
    `--read=${cache}/tools`,
    `--read=${elsewhere}`,
  ]);
});

test("the pods of two platforms are in two control groups", () => {
  const group = (settings: PlatformSettings): string =>
    node(settings).command.find((word) => word.startsWith("--cgroup=")) ?? "";
  const one = platform();
  const two = platform();
  expect(group(one)).toMatch(/^--cgroup=tinyolly-[0-9a-f]{8}$/);
  expect(group(one)).not.toBe(group(two));
  kubelet(one);
  expect(`--cgroup=${String(json(one, "kubelet.json")["cgroupRoot"]).slice(1)}`).toBe(group(one));
});

test("containerd finds the registry's in-cluster name and Docker Hub's mirror at the node", () => {
  const settings = platform({ TINYOLLY_PORT_REGISTRY_IN_CLUSTER: "5001" });
  containerd(settings);
  const hosts = (name: string): string[] =>
    readFileSync(join(settings.state, "node/registries", name, "hosts.toml"), "utf8")
      .trim()
      .split(/\n\s*/);
  expect(hosts("docker-registry.registry.svc.cluster.local:5001")).toEqual([
    'server = "http://10.244.0.1:5001"',
    '[host."http://10.244.0.1:5001"]',
    'capabilities = ["pull", "resolve"]',
  ]);
  expect(hosts("docker.io")).toEqual([
    'server = "http://10.244.0.1:5001/v2/mirror"',
    '[host."http://10.244.0.1:5001/v2/mirror"]',
    "override_path = true",
    'capabilities = ["pull", "resolve"]',
  ]);
  expect(config(settings, "containerd.toml")).toContain(
    'sandbox = "docker-registry.registry.svc.cluster.local:5001/platform/pause:latest"',
  );
});

test("the kubelet asks the API who calls and what they may, and knows no anonymous", () => {
  const settings = platform();
  kubelet(settings);
  expect(json(settings, "kubelet.json")).toMatchObject({
    address: "10.244.0.1",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(settings.state, "kubernetes/pki/kubelet-client/tls.crt") },
    },
    authorization: { mode: "Webhook" },
    clusterDNS: ["10.96.0.10"],
    clusterDomain: "cluster.local",
  });
});

test("unused images go by age, and pods only when the disk is nearly full, whatever its size", () => {
  const settings = platform();
  kubelet(settings);
  expect(json(settings, "kubelet.json")).toMatchObject({
    imageGCHighThresholdPercent: 100,
    imageMaximumGCAge: "1h",
    evictionHard: { "nodefs.available": "256Mi", "imagefs.available": "256Mi" },
  });
});

test.each([
  ["kubelet", kubelet, "system:node:tinyolly"],
  ["proxy", kubeProxy, "system:kube-proxy"],
  ["scheduler", scheduler, "system:kube-scheduler"],
  ["coredns", coreDns, "tinyolly:coredns"],
] as const)("%s is a user of its own, and reaches the API from within", (user, factory, name) => {
  const settings = platform();
  factory(settings);
  // A kubeconfig.
  const kubeconfig = json(settings, `${user}.kubeconfig`) as {
    clusters: { cluster: { server: string } }[];
    users: { user: { token: string } }[];
  };
  expect(kubeconfig.clusters[0]?.cluster.server).toBe("https://10.244.0.1:6443");
  const token = kubeconfig.users[0]?.user.token ?? "";
  expect(readFileSync(tokenFile(settings), "utf8").split("\n")).toContainEqual(
    expect.stringMatching(new RegExp(`^${token},${name},`)),
  );
});

test("what runs in the node enters its namespaces by the first process in them, with a folder for temporary files there", () => {
  const settings = platform();
  expect(kubeProxy(settings).command.slice(0, 9)).toEqual([
    "nsenter",
    "--target=0",
    "--net",
    "--mount",
    "--pid",
    "--ipc",
    "--",
    "env",
    "TMPDIR=/tmp",
  ]);
  // A pid of this process's children stands for one of the node's.
  const child = spawn("sleep", ["60"]);
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const node = { pid: process.pid, startTime: startTime(process.pid) };
  writeFiles(settings.state, {
    "node/init.pid": String(child.pid),
    "pids/node.json": JSON.stringify(node),
  });
  expect(kubeProxy(settings).command[1]).toBe(`--target=${child.pid ?? ""}`);
});

test("a process that got the pid of an earlier first process is not entered", () => {
  const settings = platform();
  const node = { pid: process.pid, startTime: startTime(process.pid) };
  writeFiles(settings.state, {
    "node/init.pid": String(process.ppid),
    "pids/node.json": JSON.stringify(node),
  });
  expect(kubeProxy(settings).command[1]).toBe("--target=0");
});

test("pods have addresses from the node's range, and a route to everything through it", () => {
  const settings = platform();
  containerd(settings);
  const network: unknown = JSON.parse(
    readFileSync(join(settings.state, "node/network/10-pods.conflist"), "utf8"),
  );
  expect(network).toMatchObject({
    plugins: [
      {
        type: "ptp",
        ipam: {
          ranges: [[{ subnet: "10.244.0.0/24" }]],
          routes: [{ dst: "0.0.0.0/0" }],
        },
      },
    ],
  });
});
