import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { InputError } from "./input-error.ts";

/**
 * Hands a value over to a command by a file of the project, before the command can run. The engine sees the path alone, so another value is
 * no reason to run the command again.
 */
export function handOver(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(value)}\n`);
}

/**
 * Reads what {@link handOver} wrote.
 *
 * @param what What the file says, as a clause such as `how long to wait`.
 * @throws InputError when nobody has written it.
 */
export function readHandedOver(file: string, what: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    throw new InputError(`${file} does not say ${what}; run pulumi up, which writes it`);
  }
}
