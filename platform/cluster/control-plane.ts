import { readFileSync } from "node:fs";
import { join } from "node:path";
import { get } from "../machine/http.ts";
import type { Service } from "../machine/processes.ts";
import { writeConfig } from "../machine/state-files.ts";
import { type PlatformSettings, nodeAddress, serviceRange } from "../settings.ts";
import {
  accountKey,
  apiAddress,
  apiServerCertificate,
  apiServerTrust,
  encryptionFile,
  etcdClient,
  etcdServer,
  kubeletClient,
  kubeletServer,
  pkiFolder,
  serverKubeconfig,
  token,
  tokenFile,
  writeAdminKubeconfig,
} from "./access.ts";
import { nodeSocket } from "./node-servers.ts";

export function etcd(settings: PlatformSettings): Service {
  const { state, ports } = settings;
  const client = `https://127.0.0.1:${ports.etcd}`;
  const peer = `https://127.0.0.1:${ports.etcdPeer}`;
  const own = etcdServer(settings);
  const known = etcdClient(settings);
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
      // Who may write here is administrator of the cluster, whatever the API server says.
      ...[`--cert-file=${own.certificate}`, `--key-file=${own.key}`, "--client-cert-auth"],
      `--trusted-ca-file=${known.certificate}`,
      ...[`--peer-cert-file=${own.certificate}`, `--peer-key-file=${own.key}`],
      ...["--peer-client-cert-auth", `--peer-trusted-ca-file=${own.certificate}`],
      "--enable-grpc-gateway=false",
      `--log-level=warn`,
    ],
    address: client,
    ports: [ports.etcd, ports.etcdPeer],
    ready: async () => {
      const [cert, key] = [readFileSync(known.certificate), readFileSync(known.key)];
      const ca = readFileSync(own.certificate);
      return (await get(`${client}/health`, {}, { ca, cert, key })).status === 200;
    },
    patience: 30,
  };
}

export function apiServer(settings: PlatformSettings): Service {
  const { ports } = settings;
  const key = accountKey(settings);
  const client = kubeletClient(settings);
  const store = etcdClient(settings);
  const serving = apiServerCertificate(settings);
  const address = apiAddress(settings);
  writeAdminKubeconfig(settings);
  return {
    name: "kube-apiserver",
    command: [
      "kube-apiserver",
      `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
      `--etcd-cafile=${etcdServer(settings).certificate}`,
      ...[`--etcd-certfile=${store.certificate}`, `--etcd-keyfile=${store.key}`],
      `--bind-address=127.0.0.1`,
      `--secure-port=${ports.apiServer}`,
      // Where pods reach it: the node carries their connections out.
      `--advertise-address=${nodeAddress}`,
      `--tls-cert-file=${serving.certificate}`,
      `--tls-private-key-file=${serving.key}`,
      `--service-cluster-ip-range=${serviceRange}`,
      `--authorization-mode=Node,RBAC`,
      `--enable-admission-plugins=NodeRestriction`,
      `--anonymous-auth=false`,
      `--token-auth-file=${tokenFile(settings)}`,
      `--encryption-provider-config=${encryptionFile(settings)}`,
      `--egress-selector-config-file=${egressFile(settings)}`,
      `--kubelet-client-certificate=${client.certificate}`,
      `--kubelet-client-key=${client.key}`,
      `--kubelet-certificate-authority=${kubeletServer(settings).certificate}`,
      `--kubelet-preferred-address-types=InternalIP`,
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      `--service-account-issuer=https://kubernetes.default.svc.cluster.local`,
      `--v=1`,
    ],
    address,
    ports: [ports.apiServer],
    ready: async () => {
      const authorization = `Bearer ${token(settings, "admin")}`;
      const trust = apiServerTrust(settings);
      return (await get(`${address}/readyz`, { authorization }, trust)).status === 200;
    },
    patience: 90,
  };
}

/** Connections to the kubelet, Services and webhooks go through the node. */
function egressFile(settings: PlatformSettings): string {
  const config = {
    apiVersion: "apiserver.k8s.io/v1beta1",
    kind: "EgressSelectorConfiguration",
    egressSelections: [
      {
        name: "cluster",
        connection: {
          proxyProtocol: "HTTPConnect",
          transport: { uds: { udsName: nodeSocket(settings) } },
        },
      },
    ],
  };
  return writeConfig(settings, "egress.json", JSON.stringify(config));
}

export function controllerManager(settings: PlatformSettings): Service {
  const { ports } = settings;
  const address = `https://127.0.0.1:${ports.controllerManager}`;
  return {
    name: "kube-controller-manager",
    command: [
      "kube-controller-manager",
      `--kubeconfig=${serverKubeconfig(settings, "controller-manager")}`,
      `--bind-address=127.0.0.1`,
      `--secure-port=${ports.controllerManager}`,
      `--cert-dir=${join(pkiFolder(settings), "controller-manager")}`,
      `--service-account-private-key-file=${accountKey(settings)}`,
      `--use-service-account-credentials`,
      `--root-ca-file=${apiServerCertificate(settings).certificate}`,
      `--leader-elect=false`,
      `--v=1`,
    ],
    address,
    ports: [ports.controllerManager],
    ready: async () => (await get(`${address}/healthz`)).status === 200,
    patience: 60,
  };
}
