import { variable } from "../../delivery/basics/variable.ts";
import { enterStack } from "../environment.ts";
import { previewChanges } from "../report/preview-changes.ts";
import { type PlatformSettings, localStack } from "../settings.ts";
import { clearEndedLocks } from "./pulumi-lock.ts";
import { runPulumi } from "./shell.ts";
import { hasResources } from "./stack-end.ts";
import { forgetUnfinished } from "./unfinished.ts";

/** A platform whose stack is worked on. */
export interface StackPlatform {
  readonly settings: PlatformSettings;
  /** Starts what of it does not run. */
  readonly up: () => Promise<unknown>;
  readonly log: (line: string) => void;
}

/** Takes what a run that was killed left in the way of the next one. */
export function recover({ settings, log }: Omit<StackPlatform, "up">): void {
  clearEndedLocks(settings, log);
  forgetUnfinished(settings, log);
}

/** Removes what the platform's stack holds; resolves to the exit code. */
export async function destroyStack(platform: StackPlatform): Promise<number> {
  if (!hasResources(platform.settings)) return 0;
  await platform.up();
  recover(platform);
  return runPulumi(["destroy", "--stack", localStack, "--yes", "--skip-preview"]);
}

/**
 * Previews any stack, in few words or, with VERBOSE, in Pulumi's own; only that of the platform needs its servers. Resolves to the exit
 * code.
 */
export async function previewStack(
  stack: string,
  { settings, up, log }: StackPlatform,
): Promise<number> {
  if (stack === localStack) {
    await up();
    clearEndedLocks(settings, log);
  } else {
    enterStack(stack);
  }
  const args = ["preview", "--stack", stack];
  if (variable(process.env, "TINYOLLY_VERBOSE") !== undefined)
    return runPulumi([...args, "--diff"]);
  let printed = "";
  const status = await runPulumi([...args, "--json"], {}, (part) => {
    printed += part;
  });
  process.stdout.write(previewChanges(printed));
  return status;
}
