import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../delivery/basics/sha256.ts";
import { servicePid } from "../machine/processes.ts";
import { startTime } from "../machine/start-time.ts";
import { PlatformError, type PlatformSettings } from "../settings.ts";
import { kubeconfigFile } from "./access.ts";

/** Arguments for objects that are the platform's own. */
const serverSideApply = [
  "apply",
  "--server-side",
  "--force-conflicts",
  "--field-manager=tinyolly-platform",
];

/**
 * Applies objects; `args` name files, or `--filename=-` for those of `input`.
 *
 * @throws PlatformError with what kubectl says.
 */
export function apply(settings: PlatformSettings, args: readonly string[], input = ""): void {
  const { done, message } = tryApply(settings, args, input);
  if (!done) throw new PlatformError(`kubectl apply failed:\n${message}`);
}

/** Applies objects, and tells whether it succeeded. */
export function tryApply(
  settings: PlatformSettings,
  args: readonly string[],
  input = "",
): { done: boolean; message: string } {
  const all = [`--kubeconfig=${kubeconfigFile(settings)}`, ...serverSideApply, ...args];
  const run = spawnSync("kubectl", all, { encoding: "utf8", input });
  return { done: run.status === 0, message: run.stderr.trim() };
}

/**
 * Calls `applied`, which applies objects, unless this API server has got them from here before: to apply them again takes it a second. One that
 * was started since gets them anew, and with them what somebody has deleted.
 *
 * @param objects text that stands for all that they say.
 */
export async function applyOnce(
  { state }: PlatformSettings,
  name: string,
  objects: string,
  applied: () => void | Promise<void>,
): Promise<void> {
  const note = join(state, "applied", name);
  const pid = servicePid(state, "kube-apiserver") ?? 0;
  const stamp = sha256(JSON.stringify([objects, pid, startTime(pid)]));
  if (existsSync(note) && readFileSync(note, "utf8") === stamp) return;
  await applied();
  mkdirSync(join(state, "applied"), { recursive: true });
  writeFileSync(note, stamp);
}
