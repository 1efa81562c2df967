import { spawnSync } from "node:child_process";
import { project } from "../platform/settings.ts";

/**
 * Runs a script that may require modules of the project in network and mount namespaces of its own, whose loopback is up; needs root.
 * Returns all that it writes.
 *
 * @param prefix program that runs it there, with its arguments.
 */
export function runApart(script: string, prefix: readonly string[] = []): string {
  const node = [process.execPath, "--eval", script];
  const shell = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"];
  const args = ["--net", "--mount", ...shell, ...prefix, ...node];
  const run = spawnSync("unshare", args, { cwd: project, encoding: "utf8", timeout: 30_000 });
  return `${run.stdout}${run.stderr}`;
}
