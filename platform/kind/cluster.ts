import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PlatformError, type PlatformSettings } from "../settings.ts";

/** Name of the cluster, of which Docker can have only one. */
export const clusterName = "tinyolly";
/** Its only node, which is a container of that name. */
export const nodeName = `${clusterName}-control-plane`;

/** File with the id of the container that is the node of the cluster that was made for this state. */
export function clusterFile({ state }: PlatformSettings): string {
  return join(state, "cluster-id");
}

/** The cluster of our name: there is none, it is the one of this state, or somebody else has made it. */
export function ownerOf(
  settings: PlatformSettings,
  env: NodeJS.ProcessEnv,
): "nobody" | "us" | "others" {
  const args = ["container", "inspect", "--format={{.Id}}", nodeName];
  const { status, stdout } = spawnSync("docker", args, { env, encoding: "utf8", timeout: 30_000 });
  if (status !== 0) return "nobody";
  const file = clusterFile(settings);
  const own = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  return own === stdout.trim() ? "us" : "others";
}

/**
 * Sees to it that no cluster of somebody else is changed.
 *
 * @throws PlatformError where there is one of our name.
 */
export function requireOwnCluster(settings: PlatformSettings, env: NodeJS.ProcessEnv): void {
  if (ownerOf(settings, env) !== "others") return;
  throw new PlatformError(
    `Docker has a kind cluster ${clusterName} that was not made here (${settings.state} does not know it), or was never finished; ` +
      `use it from the checkout that made it, or delete it: kind delete cluster --name=${clusterName}`,
  );
}
