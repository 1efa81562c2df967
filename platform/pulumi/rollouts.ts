import { spawn, spawnSync } from "node:child_process";
import { isRollout } from "../../delivery/findings/recorded.ts";
import { readStackState } from "../../delivery/settings/stack-state.ts";
import { PlatformError, project } from "../settings.ts";

/**
 * Waits for Applications that are not Synced and Healthy although `pulumi up` had nothing to change, such as those of a
 * platform that has just started. What each waits for is what the stack's state holds; progress and reasons are printed.
 *
 * @returns whether all are well in the end.
 * @throws PlatformError when the cluster cannot be asked.
 */
export async function awaitRollouts(stack: string): Promise<boolean> {
  if (allWell(readStates())) return true;
  const waits = (await readStackState(stack)).filter(isRollout);
  const ended = await Promise.all(waits.map(({ inputs }) => awaitRollout(inputs?.["stdin"])));
  return ended.every((status) => status === 0);
}

/** Whether each line says that an Application is Synced and Healthy. */
export function allWell(states: string): boolean {
  return states
    .split("\n")
    .filter((line) => line !== "")
    .every((line) => line === "Synced Healthy");
}

function readStates(): string {
  const template = `{range .items[*]}{.status.sync.status} {.status.health.status}{"\\n"}{end}`;
  const args = ["get", "applications.argoproj.io", "--all-namespaces"];
  const run = spawnSync("kubectl", [...args, `--output=jsonpath=${template}`], {
    encoding: "utf8",
    timeout: 30_000,
  });
  if (run.status === 0) return run.stdout;
  throw new PlatformError(
    `the Applications cannot be read: ${run.error?.message ?? run.stderr.trim()}`,
  );
}

function awaitRollout(request: unknown): Promise<number | null> {
  const script = ["components/scripts/await-rollout.ts"];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, script, {
      cwd: project,
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("close", resolve);
    child.stdin.end(typeof request === "string" ? request : "{}");
  });
}
