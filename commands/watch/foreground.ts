import { type ChildProcess, spawn } from "node:child_process";

/** How a program ended. */
export interface Finished {
  /** Exit code; 1 for one that a signal ended or that could not be started. */
  readonly status: number;
  /** What it wrote to standard output; empty where the terminal got that. */
  readonly output: string;
}

type Take = (output: string) => void;

/**
 * Runs one program at a time, each in a session of its own: the terminal sends Ctrl-C to its whole process group, so
 * that a program in ours would get it twice. Programs do not read from the terminal.
 */
export class Foreground {
  #child: ChildProcess | undefined;
  #interrupts = 0;

  /**
   * Runs a program to its end; with `capture`, its standard output is kept, and `take` gets it as it comes. Errors go to the terminal.
   */
  public run(
    command: string,
    args: readonly string[],
    { capture = false, take }: { readonly capture?: boolean; readonly take?: Take } = {},
  ): Promise<Finished> {
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", capture || take ? "pipe" : "inherit", "inherit"],
    });
    this.#child = child;
    this.#interrupts = 0;
    const chunks: Buffer[] = [];
    if (take) child.stdout?.setEncoding("utf8").on("data", take);
    else child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    return new Promise((resolve) => {
      const finish = (status: number): void => {
        this.#child = undefined;
        resolve({ status, output: Buffer.concat(chunks).toString() });
      };
      child.once("close", (code) => {
        finish(code ?? 1);
      });
      child.once("error", (error) => {
        process.stderr.write(`${command} cannot be run: ${error.message}\n`);
        finish(1);
      });
    });
  }

  /**
   * Ends the running program: the first call asks it to, the second once more, which pulumi takes as the order to wait
   * for nothing, and the third kills it. Returns the signal that was sent; undefined where nothing runs.
   */
  public interrupt(): "SIGINT" | "SIGKILL" | undefined {
    const pid = this.#child?.pid;
    if (pid === undefined) return undefined;
    this.#interrupts++;
    const signal = this.#interrupts < 3 ? "SIGINT" : "SIGKILL";
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended in the meantime.
    }
    return signal;
  }
}
