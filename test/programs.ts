import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Programs that this process runs one after another. A signal that would end this process goes to the one that runs, and no other is
 * begun after it, so that there is time to clean up.
 */
export class Programs {
  #running: ChildProcess | undefined;
  #signal: NodeJS.Signals | undefined;

  public constructor() {
    for (const signal of endingSignals)
      process.on(signal, () => {
        this.#signal ??= signal;
        this.#forward(signal);
      });
  }

  /** The first signal that came. */
  public get signal(): NodeJS.Signals | undefined {
    return this.#signal;
  }

  /** Exit code that tells of the signal; undefined where none came. */
  public get status(): number | undefined {
    return this.#signal && 128 + constants.signals[this.#signal];
  }

  /** Runs a program; its output is shown, or handed to `collect`. Resolves to the exit code, which is 1 after a signal. */
  public run(
    name: string,
    args: readonly string[],
    cwd: string,
    env: NodeJS.ProcessEnv,
    collect?: (text: string) => void,
  ): Promise<number> {
    if (this.#signal) return Promise.resolve(1);
    return start(name, args, cwd, env, collect, (child) => (this.#running = child));
  }

  /** Runs a program that cleans up: to its end, also after a signal. Resolves to the exit code. */
  public finish(
    name: string,
    args: readonly string[],
    cwd: string,
    env: NodeJS.ProcessEnv,
  ): Promise<number> {
    return start(name, args, cwd, env);
  }

  #forward(signal: NodeJS.Signals): void {
    const pid = this.#running?.pid;
    if (pid === undefined) return;
    try {
      // With all that it started.
      process.kill(-pid, signal);
    } catch {
      // It has just ended.
    }
  }
}

function start(
  name: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  collect?: (text: string) => void,
  running: (child: ChildProcess | undefined) => void = () => undefined,
): Promise<number> {
  return new Promise((resolve) => {
    const output = collect ? "pipe" : "inherit";
    const child = spawn(name, args, {
      cwd,
      env,
      // The terminal sends Ctrl-C to a whole group: it would come twice, and to what cleans up.
      detached: true,
      stdio: ["ignore", output, output],
    });
    const end = (status: number): void => {
      running(undefined);
      resolve(status);
    };
    running(child);
    child.stdout?.on("data", (chunk: Buffer) => collect?.(chunk.toString()));
    child.stderr?.on("data", (chunk: Buffer) => collect?.(chunk.toString()));
    child.once("error", (error) => {
      process.stderr.write(`${name}: ${error.message}\n`);
      end(1);
    });
    child.once("close", (status) => {
      end(status ?? 1);
    });
  });
}
