import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { PlatformError, localStack, project } from "./settings";

/** Runs the Pulumi CLI on this project, in front of the user; returns its exit code. */
export function runPulumi(args: readonly string[], env: NodeJS.ProcessEnv = {}): number {
  const run = spawnSync("pulumi", args, {
    cwd: project,
    stdio: "inherit",
    env: { ...process.env, ...env },
  });
  if (run.error) throw new PlatformError(`pulumi cannot be run: ${run.error.message}`);
  return run.status ?? 1;
}

/** Prints variables as a shell reads them. */
export function printVariables(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables))
    process.stdout.write(`export ${name}=${quoted(value)}\n`);
}

/** A word for the shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Stack that a command line names; the platform's own where it names none. */
export function stackOf(words: readonly string[]): string {
  const options = { stack: { type: "string" } } as const;
  const { stack } = parseArgs({ args: [...words], options, strict: false }).values;
  return typeof stack === "string" ? stack : localStack;
}
