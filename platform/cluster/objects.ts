import { type PlatformSettings, dnsAddress, nodeAddress, registryHosts } from "../settings.ts";

/** What the cluster holds besides Argo CD: DNS, the registry's name, storage, and rights of the platform's servers. */
export function clusterObjects({ ports }: PlatformSettings): object {
  const [registry = "", registryNamespace = ""] = registryHosts.inCluster.split(".");
  const labels = { "app.kubernetes.io/managed-by": "tinyolly-platform" };
  return {
    apiVersion: "v1",
    kind: "List",
    items: [
      { apiVersion: "v1", kind: "Namespace", metadata: { name: registryNamespace, labels } },
      ...outsideService(registryNamespace, registry, {
        registry: ["TCP", ports.registryInCluster],
      }),
      ...outsideService(
        "kube-system",
        "kube-dns",
        { dns: ["UDP", 53], "dns-tcp": ["TCP", 53] },
        dnsAddress,
      ),
      {
        apiVersion: "storage.k8s.io/v1",
        kind: "StorageClass",
        metadata: {
          name: "standard",
          labels,
          annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
        },
        provisioner: "tinyolly.dev/folder",
        reclaimPolicy: "Delete",
        volumeBindingMode: "WaitForFirstConsumer",
      },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "tinyolly:coredns", labels },
        rules: [
          {
            apiGroups: [""],
            resources: ["services", "pods", "namespaces"],
            verbs: ["list", "watch"],
          },
          {
            apiGroups: ["discovery.k8s.io"],
            resources: ["endpointslices"],
            verbs: ["list", "watch"],
          },
        ],
      },
      binding("tinyolly:coredns", "tinyolly:coredns"),
      binding("tinyolly:volumes", "system:persistent-volume-provisioner"),
      binding("tinyolly:kube-apiserver", "system:kubelet-api-admin"),
    ],
  };
}

type Port = readonly [protocol: "TCP" | "UDP", port: number];

/** A Service for a server that is no pod, at the node's address. */
function outsideService(
  namespace: string,
  name: string,
  ports: Readonly<Record<string, Port>>,
  clusterIP?: string,
): object[] {
  const list = Object.entries(ports).map(([portName, [protocol, port]]) => ({
    name: portName,
    protocol,
    port,
  }));
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name, namespace },
      spec: { ports: list, ...(clusterIP === undefined ? {} : { clusterIP }) },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      endpoints: [{ addresses: [nodeAddress], conditions: { ready: true } }],
      ports: list,
    },
  ];
}

function binding(user: string, role: string): object {
  const apiGroup = "rbac.authorization.k8s.io";
  return {
    apiVersion: `${apiGroup}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: user },
    roleRef: { apiGroup, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup, kind: "User", name: user }],
  };
}
