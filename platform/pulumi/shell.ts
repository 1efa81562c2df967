import { spawn } from "node:child_process";
import { isatty } from "node:tty";
import { parseArgs } from "node:util";
import { endWithUs } from "../machine/end-with-us.ts";
import { PlatformError, localStack, project } from "../settings.ts";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs the Pulumi CLI on this project, in front of the user; resolves to its exit code. A signal that would end this process ends
 * Pulumi first, which then has cleaned up after itself; where this process is killed, Pulumi is told to end.
 *
 * @param take Gets what Pulumi prints. @default - the user sees it
 */
export async function runPulumi(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  take?: (output: string) => void,
): Promise<number> {
  const [command, ...words] = [...endWithUs(), "pulumi", ...args];
  // Ctrl-C reaches all processes of a terminal, and Pulumi must not get it twice, which it takes for an order to drop everything.
  // Elsewhere it gets a group of its own and what we pass on.
  const onTerminal = isatty(0);
  // Before Pulumi runs, since from then on a signal is for it.
  const signals = holdSignals((signal) => {
    if (signal !== "SIGINT" || !onTerminal) child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
  });
  const child = spawn(command ?? "pulumi", words, {
    cwd: project,
    stdio: ["inherit", take ? "pipe" : "inherit", "inherit"],
    detached: !onTerminal,
    env: { ...process.env, ...env },
  });
  if (take) child.stdout?.setEncoding("utf8").on("data", take);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", (error) => {
        reject(new PlatformError(`pulumi cannot be run: ${error.message}`));
      });
      child.once("close", (status) => {
        resolve(status ?? 1);
      });
    });
  } finally {
    signals.release();
  }
}

/** Hands signals that would end this process to `take` alone, until they are released; then the first that came has its effect. */
function holdSignals(take: (signal: NodeJS.Signals) => void): { release: () => void } {
  let first: NodeJS.Signals | undefined;
  const hold = (signal: NodeJS.Signals): void => {
    first ??= signal;
    take(signal);
  };
  const others = endingSignals.map((name) => [name, process.listeners(name)] as const);
  for (const name of endingSignals) process.removeAllListeners(name).on(name, hold);
  return {
    release: () => {
      for (const [name, listeners] of others) {
        process.removeListener(name, hold);
        for (const listener of listeners) process.on(name, listener);
      }
      if (first) process.kill(process.pid, first);
    },
  };
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
