/** Runs one step of root-steps.ts, in a process of root's: its name, and the platform's settings as JSON. */
import { PlatformError, type PlatformSettings } from "../settings.ts";
import { type Step, steps } from "./root-steps.ts";

async function main(): Promise<void> {
  // runStep gives exactly these.
  const [step, settings] = process.argv.slice(2) as [Step, string];
  const log = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  try {
    await steps[step](JSON.parse(settings) as PlatformSettings, log);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    // Who has it done tells it in its own name.
    process.stdout.write(error.message);
    process.exitCode = 1;
  }
}

void main();
