import { spawnSync } from "node:child_process";

/** Namespace of every object of the kubernetes scenarios. */
export const namespace = "contract";

/** Makes the namespace where there is none. */
export function makeNamespace(kubeconfig: string): void {
  kubectl(kubeconfig, "create", "namespace", namespace);
}

/** Deletes what a scenario left in the namespace. */
export function clearNamespace(kubeconfig: string): void {
  const kinds = "applications.argoproj.io,deployments.apps";
  kubectl(kubeconfig, "-n", namespace, "delete", kinds, "--all", "--cascade=background");
}

function kubectl(kubeconfig: string, ...args: readonly string[]): void {
  spawnSync("kubectl", ["--kubeconfig", kubeconfig, ...args], { stdio: "ignore" });
}
