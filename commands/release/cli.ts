/**
 * Commands about releases: `node commands/release/cli.ts list|check|rollback|… [options]`.
 *
 * Each says in its own file what it does, prints and returns. Exits with 1 on an error and for wrong input.
 */
import { runMain } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { bundle } from "./bundle.ts";
import { chartVersion } from "./chart-version.ts";
import { check } from "./check.ts";
import { list } from "./list.ts";
import { load } from "./load.ts";
import { promote } from "./promote.ts";
import { rollback } from "./rollback.ts";
import { up } from "./up.ts";

const commands: Readonly<Record<string, (args: string[]) => Promise<number>>> = {
  up,
  list,
  check,
  rollback,
  promote,
  bundle,
  load,
  "chart-version": chartVersion,
};

async function main(): Promise<number> {
  const [name = "", ...args] = process.argv.slice(2);
  const command = commands[name];
  if (!command) {
    throw new InputError(
      `"${name}" is not a command; there are ${Object.keys(commands).join(", ")}`,
    );
  }
  return command(args);
}

runMain("release", main);
