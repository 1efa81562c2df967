import { InputError } from "../../delivery/basics/input-error.ts";
import { endWithParent } from "./parent-watch.ts";

/**
 * Runs a script that a command resource starts, until the plugin that started it ends. Wrong input and answers of others end it with
 * status 1 and their message on standard error; other errors are thrown, with their stack.
 */
export function runScript(main: () => Promise<void>): void {
  endWithParent();
  main().catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
