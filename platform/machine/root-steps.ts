import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { PlatformError, type PlatformSettings, project } from "../settings.ts";
import { endEmulation, provideEmulation } from "./emulation.ts";
import { forgetRegistry, nameRegistry, nameRehearsal } from "./hosts.ts";
import { reservePorts } from "./reserved-ports.ts";
import { type Command, asRoot, isRoot } from "./root.ts";

type Log = (line: string) => void;

/** Makes the platform's names and ports its own. Who is not root may call it where nothing is to be changed. */
export function prepare(settings: PlatformSettings): void {
  reservePorts(settings);
  nameRegistry(settings);
  if (settings.rehearsal) nameRehearsal(settings);
}

/** What the platform changes of the machine itself. */
export const steps = {
  prepare,
  forgetRegistry: (settings: PlatformSettings) => {
    forgetRegistry(settings);
  },
  provideEmulation: (settings: PlatformSettings, log: Log) =>
    provideEmulation(settings, settings.platforms, log),
  endEmulation,
} as const satisfies Readonly<
  Record<string, (settings: PlatformSettings, log: Log) => void | Promise<void>>
>;

/** Name of a step. */
export type Step = keyof typeof steps;

/**
 * Changes the machine as root: in this process where it is root's, else in one that sudo starts.
 *
 * @throws PlatformError as the step does.
 */
export async function runStep(step: Step, settings: PlatformSettings, log: Log): Promise<void> {
  if (isRoot()) return steps[step](settings, log);
  const [program, ...args] = asRoot(commandOf(step, settings));
  const { status, stdout } = spawnSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new PlatformError(stdout === "" ? `${step} failed as root` : stdout);
}

function commandOf(step: Step, settings: PlatformSettings): Command {
  const program = join(project, "platform/machine/root-step.ts");
  return [process.execPath, program, step, JSON.stringify(settings)];
}
