/**
 * Commands about releases: `node --require ./run-typescript.cjs release/cli.ts list|check|rollback|… [options]`.
 *
 * Each says in its own file what it does, prints and returns. Exits with 1 on an error and for wrong input.
 */
import { runMain } from "../components/command-line";
import { InputError } from "../components/input-error";
import { bundle } from "./bundle";
import { chartVersion } from "./chart-version";
import { check } from "./check";
import { list } from "./list";
import { load } from "./load";
import { promote } from "./promote";
import { rollback } from "./rollback";
import { up } from "./up";

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
