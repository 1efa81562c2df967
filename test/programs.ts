import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";

/** No suite, and no first start, needs that long: 45 min. */
const longestMs = 45 * 60_000;

const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Takes what a program prints, standard output and error alike. */
export type Print = (text: string) => void;

/**
 * Programs that this process runs. A signal that would end this process goes to those that run, and no other is begun after it, so that
 * there is time to clean up.
 */
export class Programs {
  readonly #running = new Set<ChildProcess>();
  readonly #longestMs: number;
  #signal: NodeJS.Signals | undefined;

  /** @param longest milliseconds that a program may run, so that one that hangs is a failure and no end of everything. */
  public constructor(longest = longestMs) {
    this.#longestMs = longest;
    for (const signal of endingSignals)
      process.on(signal, () => {
        this.#signal ??= signal;
        for (const { pid } of this.#running) forward(signal, pid);
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

  /** Runs a program. Resolves to the exit code, which is 1 after a signal, and when it ran too long. */
  public async run(
    name: string,
    args: readonly string[],
    cwd: string,
    env: NodeJS.ProcessEnv,
    print: Print,
  ): Promise<number> {
    if (this.#signal) return 1;
    const { child, ended } = start(name, args, cwd, env, print);
    this.#running.add(child);
    const timer = setTimeout(() => {
      print(`${name} did not end within ${this.#longestMs / 1000} s, and was killed\n`);
      forward("SIGKILL", child.pid);
    }, this.#longestMs);
    try {
      return await ended;
    } finally {
      clearTimeout(timer);
      this.#running.delete(child);
    }
  }

  /** Runs a program that cleans up: to its end, also after a signal. Resolves to the exit code. */
  public finish(
    name: string,
    args: readonly string[],
    cwd: string,
    env: NodeJS.ProcessEnv,
    print: Print,
  ): Promise<number> {
    return start(name, args, cwd, env, print).ended;
  }
}

function forward(signal: NodeJS.Signals, pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    // With all that it started.
    process.kill(-pid, signal);
  } catch {
    // It has just ended.
  }
}

function start(
  name: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  print: Print,
): { child: ChildProcess; ended: Promise<number> } {
  const child = spawn(name, args, {
    cwd,
    env,
    // The terminal sends Ctrl-C to a whole group: it would come twice, and to what cleans up.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", print);
  const ended = new Promise<number>((resolve) => {
    child.once("error", (error) => {
      print(`${name}: ${error.message}\n`);
      resolve(1);
    });
    child.once("close", (status) => {
      resolve(status ?? 1);
    });
    child.once("exit", () => {
      // What it left running may hold its output for ever.
      setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, 2000).unref();
    });
  });
  return { child, ended };
}
