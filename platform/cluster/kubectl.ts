import { spawnSync } from "node:child_process";
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
