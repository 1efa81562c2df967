import { variable } from "../../delivery/basics/variable.ts";
import { upLog, upProgress } from "../report/up-progress.ts";
import { localStack } from "../settings.ts";
import { runPulumi } from "./shell.ts";

/** Arguments of an `up` that asks nothing and previews nothing. */
export function upArgs(stack: string): string[] {
  return ["up", "--stack", stack, "--yes", "--skip-preview", "--suppress-outputs"];
}

/** Runs `pulumi up` of the platform's stack, in few words or, with VERBOSE, in its own; resolves to its exit code. */
export async function runUp(log: (line: string) => void): Promise<number> {
  const up = upArgs(localStack);
  if (variable(process.env, "TINYOLLY_VERBOSE") !== undefined) return runPulumi(up);
  const progress = upProgress();
  const status = await runPulumi([...up, "--json"], {}, (printed) => {
    progress.take(printed);
  });
  progress.end();
  if (status !== 0) log(`All that Pulumi said is in ${upLog}; VERBOSE=1 shows it at once.`);
  return status;
}
