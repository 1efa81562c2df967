import { InputError } from "./input-error";

/**
 * Runs a script that a command resource starts. Wrong input and answers of others end it with status 1 and their message on
 * standard error; other errors are thrown, with their stack.
 */
export function runScript(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
