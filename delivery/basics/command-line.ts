import { type ParseArgsConfig, parseArgs } from "node:util";
import { InputError } from "./input-error.ts";

/**
 * Runs a command until the process ends: its status is that of `main`, or `wrongInput` for wrong input, which is told in
 * one line that begins with the command's name. Other errors are thrown, with their stack.
 */
export function runMain(name: string, main: () => Promise<number>, wrongInput = 1): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", outliveReader);
  // Until `main` has resolved: where nothing is left to wait for, Node ends the process even so.
  process.exitCode = 1;
  main().then(
    (status) => {
      process.exitCode = status;
    },
    (error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      process.stderr.write(`${name}: ${error.message}\n`);
      process.exitCode = wrongInput;
    },
  );
}

/** Work goes on to its end where nobody reads what it says, as with `| head`, or in a terminal that was closed. */
function outliveReader(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE" && error.code !== "EIO") throw error;
}

/**
 * Reads the command line.
 *
 * @throws InputError for options that are not declared, and for values where there must be none.
 */
export function readOptions<Options extends NonNullable<ParseArgsConfig["options"]>>(
  options: Options,
  args: string[] = process.argv.slice(2),
) {
  try {
    return parseArgs({ options, args }).values;
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error));
  }
}
