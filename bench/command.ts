import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { InputError } from "../delivery/basics/input-error.ts";

/** A program to run, as a shell would be told. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Called with each line that it prints, as soon as it does. @default - nobody reads along */
  readonly onLine?: (line: string) => void;
}

/** A command that failed; its message ends with what the command printed last. */
export class CommandError extends InputError {
  public override readonly name = "CommandError";
}

/** What a command that succeeded printed, and how long it took. */
export interface Finished {
  /** Seconds from its start to its exit. */
  readonly seconds: number;
  readonly stdout: string;
}

const running = new Set<ChildProcess>();
let interrupted = false;

/** Lets Ctrl-C end the running command and refuse further ones, so that `finally` blocks clean up. */
export function endCommandsOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      interrupted = true;
      for (const child of running) child.kill("SIGINT");
    });
  }
}

/** Allows commands again after a signal, for cleaning up. */
export function allowCommands(): void {
  interrupted = false;
}

/**
 * Runs a command to its exit.
 *
 * @throws CommandError when it exits with another code than 0, cannot be started or is interrupted.
 */
export function run({ program, args, cwd, env, onLine }: Command): Promise<Finished> {
  const shown = [program, ...args].join(" ");
  if (interrupted) return Promise.reject(new CommandError(`interrupted before ${shown}`));
  return new Promise((resolve, reject) => {
    let stdout = "";
    let output = "";
    const started = process.hrtime.bigint();
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      output += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    if (onLine)
      for (const input of [child.stdout, child.stderr])
        createInterface({ input }).on("line", onLine);
    let seconds = 0;
    child.once("exit", () => {
      seconds = Number(process.hrtime.bigint() - started) / 1e9;
    });
    child.once("error", (error) => {
      running.delete(child);
      reject(new CommandError(`${shown} cannot be run: ${error.message}`));
    });
    child.once("close", (status) => {
      running.delete(child);
      if (status === 0) resolve({ seconds, stdout });
      else reject(new CommandError(`${shown} failed:\n${lastLines(output)}`));
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-30).join("\n");
}
