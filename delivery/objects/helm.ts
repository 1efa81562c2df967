import { type ExecFileException, execFile } from "node:child_process";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";

/** Limits of a run of helm, and where it keeps what it needs. */
export interface HelmOptions {
  /** Folder for caches of its own, since charts are worked on side by side. */
  readonly folder: string;
  /** Longest time in seconds. @default - none */
  readonly seconds?: number;
  /** Most bytes that it may print. @default 16 MiB */
  readonly mostBytes?: number;
}

/** What helm printed. */
export interface HelmOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of helm that ended badly. */
export class HelmError extends InputError {
  public override readonly name = "HelmError";
  /** Whether helm is not on PATH. */
  public readonly missing: boolean;

  public constructor(
    message: string,
    /** Whether helm is not on PATH. */
    missing = false,
  ) {
    super(message);
    this.missing = missing;
  }
}

/**
 * Runs helm and resolves to what it prints.
 *
 * @throws HelmError with the end of what it says.
 */
export function helm(
  args: readonly string[],
  { folder, seconds = 0, mostBytes = 1 << 24 }: HelmOptions,
): Promise<HelmOutput> {
  const env = {
    ...process.env,
    HELM_CACHE_HOME: join(folder, "cache"),
    HELM_DATA_HOME: join(folder, "data"),
  };
  const limits = { maxBuffer: mostBytes, timeout: seconds * 1000, killSignal: "SIGKILL" } as const;
  return new Promise((resolve, reject) => {
    const child = execFile("helm", args, { env, ...limits }, (error, stdout, stderr) => {
      if (!error) resolve({ stdout, stderr });
      else reject(problem(error, { stdout, stderr }));
    });
    child.stdin?.end();
  });

  function problem(error: ExecFileException, { stdout, stderr }: HelmOutput): HelmError {
    const [command = ""] = args;
    if (error.code === "ENOENT") {
      const cure = `install Helm 4, or run eval "$(make -s env)" to use the platform's`;
      return new HelmError(`helm is not on PATH; ${cure}`, true);
    }
    // Node's name for it has changed; its code has not.
    if (String(error.code) === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
      return new HelmError(`helm ${command} printed more than ${mostBytes / (1 << 20)} MiB`);
    if (error.killed === true)
      return new HelmError(`helm ${command} did not end within ${seconds} s`);
    // There is no such flag of ours.
    const said = `${stdout}${stderr}`.replace("Use --debug flag to render out invalid YAML", "");
    return new HelmError(`helm ${command} failed: ${lastLines(said)}`);
  }
}

/** Where helm says why it failed. */
export function lastLines(output: string): string {
  return output.trim().split("\n").slice(-5).join("\n");
}
