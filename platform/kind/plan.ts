import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import {
  PlatformError,
  type PlatformSettings,
  builderName,
  kubeContext,
  localStack,
  portVariables,
  registryHosts,
} from "../settings.ts";
import { clusterFile, clusterName as cluster, nodeName as node } from "./cluster.ts";
import { kubeconfigFile, nodeImage } from "./settings.ts";
import type { Command, Step } from "./steps.ts";

const argocdManifest =
  "https://raw.githubusercontent.com/argoproj/argo-cd/v3.6.1/manifests/install.yaml";

/** Content of the registry's Secret. */
export interface RegistrySecrets {
  readonly "tls.crt": string;
  readonly "tls.key": string;
  /** Signs the state of uploads. */
  readonly "http-secret": string;
}

/** What brings the cluster, its registry, Argo CD, the builder and the stack about, in order. */
export function upSteps(settings: PlatformSettings, secrets: RegistrySecrets): Step[] {
  const kubectl = (...args: readonly string[]): Command => [
    "kubectl",
    `--kubeconfig=${kubeconfigFile(settings)}`,
    `--context=${kubeContext}`,
    ...args,
  ];
  const image = nodeImage();
  const apply = (...args: readonly string[]): Command =>
    kubectl(
      ...["apply", "--server-side", "--force-conflicts", "--field-manager=tinyolly-platform"],
      ...args,
    );
  return [
    {
      name: "buildx",
      command: ["docker", "buildx", "version"],
      seconds: 30,
      cure: "Install Docker's buildx plugin.",
    },
    {
      name: "cluster",
      unless: ["docker", "container", "inspect", node],
      command: [
        ...(["kind", "create", "cluster", "--config=-", "--wait=180s"] as const),
        // Without it kind would write to the user's own.
        `--kubeconfig=${kubeconfigFile(settings)}`,
        ...(image === undefined ? [] : [`--image=${image}`]),
      ],
      input: part("cluster.yaml"),
      seconds: 900,
      cure: "If a port is taken, another platform may have it: make platform-down without PLATFORM=kind ends the embedded one.",
    },
    {
      name: "cluster's record",
      command: ["docker", "container", "inspect", "--format={{.Id}}", node],
      output: { file: clusterFile(settings), change: (text) => text },
      seconds: 60,
    },
    { name: "node", command: ["docker", "start", node], seconds: 60 },
    {
      name: "registry mirror",
      // A fixed script.
      command: [
        ...(["docker", "exec", "--interactive", node, "sh", "-c"] as const),
        `mkdir -p ${mirrorFolder} && cat > ${mirrorFolder}/hosts.toml`,
      ],
      input: part("hosts.toml"),
      seconds: 60,
    },
    {
      name: "kubeconfig",
      command: ["kind", "get", "kubeconfig", `--name=${cluster}`],
      output: { file: kubeconfigFile(settings), change: renameContext },
      seconds: 60,
      again: true,
    },
    {
      name: "Kubernetes",
      command: kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=10s"),
      seconds: 180,
      again: true,
    },
    {
      name: "registry",
      command: apply("--filename=-"),
      input: part("registry.yaml"),
      seconds: 120,
      again: true,
    },
    {
      name: "registry's Secret",
      command: apply("--filename=-"),
      input: { file: "registry-secret.yaml", text: secret(secrets) },
      seconds: 60,
    },
    {
      name: "registry is ready",
      command: kubectl(
        ...["--namespace=registry", "rollout", "status"],
        ...["deployment/docker-registry", "--timeout=300s"],
      ),
      seconds: 310,
    },
    {
      // After a restart, its pod is called ready until the kubelet looks.
      name: "registry answers",
      command: [
        ...(["docker", "exec", node, "curl", "--silent", "--show-error", "--fail"] as const),
        ...["--fail-early", "--insecure", "--max-time", "5", "--output", "/dev/null"],
        ...[`http://${node}:30500/v2/`, "--output", "/dev/null", `https://${node}:30443/v2/`],
      ],
      seconds: 300,
      again: true,
    },
    {
      name: "namespaces",
      command: apply("--filename=-"),
      input: part("namespaces.yaml"),
      seconds: 60,
      again: true,
    },
    {
      name: "Argo CD",
      command: apply("--namespace=argocd", `--filename=${argocdManifest}`),
      seconds: 300,
      again: true,
    },
    {
      name: "Argo CD's Deployments are ready",
      command: kubectl(
        ...["--namespace=argocd", "wait", "--for=condition=Available"],
        ...["deployments", "--all", "--timeout=600s"],
      ),
      seconds: 610,
    },
    {
      name: "Argo CD's controller is ready",
      command: kubectl(
        ...["--namespace=argocd", "rollout", "status"],
        ...["statefulset/argocd-application-controller", "--timeout=300s"],
      ),
      seconds: 310,
    },
    {
      // Argo CD's server makes it.
      name: "project default",
      command: kubectl("--namespace=argocd", "get", "appprojects.argoproj.io", "default"),
      seconds: 60,
      again: true,
    },
    {
      name: "builder",
      unless: ["docker", "buildx", "inspect", builderName],
      command: [
        ...(["docker", "buildx", "create", `--name=${builderName}`] as const),
        // It reaches the registry as this machine does, names included.
        ...["--driver=docker-container", "--driver-opt=network=host"],
        `--buildkitd-config=${join(import.meta.dirname, "buildkitd.toml")}`,
      ],
      seconds: 60,
    },
    {
      name: "builder is ready",
      command: ["docker", "buildx", "inspect", "--bootstrap", builderName],
      seconds: 300,
    },
    {
      name: `stack ${localStack}`,
      unless: [
        "test",
        "-f",
        join(settings.state, `pulumi/.pulumi/stacks/tinyolly/${localStack}.json`),
      ],
      command: ["pulumi", "stack", "init", localStack, "--no-select", "--non-interactive"],
      seconds: 300,
    },
  ];
}

/** What stops cluster and builder, with all data kept. */
export function downSteps(): Step[] {
  return [
    {
      name: "builder",
      onlyIf: ["docker", "buildx", "inspect", builderName],
      command: ["docker", "buildx", "stop", builderName],
      seconds: 60,
    },
    {
      name: "cluster",
      onlyIf: ["docker", "container", "inspect", node],
      command: ["docker", "stop", node],
      seconds: 120,
    },
  ];
}

/** What deletes cluster and builder. */
export function resetSteps(settings: PlatformSettings): Step[] {
  return [
    {
      name: "builder",
      onlyIf: ["docker", "buildx", "inspect", builderName],
      command: ["docker", "buildx", "rm", builderName],
      seconds: 120,
    },
    {
      name: "cluster",
      command: [
        ...(["kind", "delete", "cluster", `--name=${cluster}`] as const),
        `--kubeconfig=${kubeconfigFile(settings)}`,
      ],
      seconds: 120,
    },
  ];
}

/** Ends with 0 where the node is a container that runs. */
export const nodeRuns: Command = ["docker", "exec", node, "true"];

/** What is asked for the status, by name; each ends with 0 when all is well. */
export function statusCommands(settings: PlatformSettings): Readonly<Record<string, Command>> {
  const kubectl = (...args: readonly string[]): Command => [
    "kubectl",
    `--kubeconfig=${kubeconfigFile(settings)}`,
    `--context=${kubeContext}`,
    "--request-timeout=5s",
    ...args,
  ];
  const available = (namespace: string): Command =>
    kubectl(
      ...[`--namespace=${namespace}`, "wait", "--for=condition=Available"],
      ...["deployments", "--all", "--timeout=1s"],
    );
  return {
    kubernetes: kubectl("get", "--raw=/readyz"),
    registry: available("registry"),
    argocd: available("argocd"),
    builder: ["docker", "exec", `buildx_buildkit_${builderName}0`, "buildctl", "debug", "workers"],
  };
}

/** kind's kubeconfig with the context's name that the stack `local` has. */
export function renameContext(text: string): string {
  // kind writes one context.
  const config = parse(text) as { contexts?: { name: string }[] } | null;
  const [context, ...others] = config?.contexts ?? [];
  if (!context || others.length > 0) {
    throw new PlatformError(
      `kind get kubeconfig gave ${context ? others.length + 1 : 0} contexts where one is expected`,
    );
  }
  return stringify({
    ...config,
    contexts: [{ ...context, name: kubeContext }],
    "current-context": kubeContext,
  });
}

const mirrorFolder = `/etc/containerd/certs.d/${registryHosts.inCluster}:${portVariables.registryInCluster[1]}`;

function secret(stringData: RegistrySecrets): string {
  return stringify({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "docker-registry", namespace: "registry" },
    type: "Opaque",
    stringData,
  });
}

function part(file: string): { file: string; text: string } {
  return {
    file: `platform/kind/${file}`,
    text: readFileSync(join(import.meta.dirname, file), "utf8"),
  };
}
