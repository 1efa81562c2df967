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

/** Objects that are applied where they are not there. */
export interface Wanted {
  /** Name of the note that they were applied. */
  readonly name: string;
  /** Text that stands for all that they say. */
  readonly text: string;
  /** Arguments by which kubectl gets all of them. */
  readonly get: readonly string[];
  /** Standard input of that. @default - none */
  readonly input?: string;
}

/**
 * Calls `apply` unless this API server has got these objects from here before and they are still there: to apply what did not change takes a
 * second.
 */
export async function applyOnce(
  settings: PlatformSettings,
  { name, text, get, input = "" }: Wanted,
  apply: () => void | Promise<void>,
): Promise<void> {
  const { state } = settings;
  const note = join(state, "applied", name);
  const pid = servicePid(state, "kube-apiserver") ?? 0;
  const stamp = sha256(JSON.stringify([text, pid, startTime(pid)]));
  if (existsSync(note) && readFileSync(note, "utf8") === stamp) {
    const args = [`--kubeconfig=${kubeconfigFile(settings)}`, "get", "--no-headers", ...get];
    if (spawnSync("kubectl", args, { input }).status === 0) return;
  }
  await apply();
  mkdirSync(join(state, "applied"), { recursive: true });
  writeFileSync(note, stamp);
}
