import { spawn } from "node:child_process";
import { once } from "node:events";
import { PlatformError } from "../settings.ts";
import { endWithUs } from "./end-with-us.ts";

/** How a program is run. */
export interface RunOptions {
  /** What errors call it. @default - its own name */
  readonly name?: string;
  /** Descriptor of the file to which its standard output goes. @default - it is told when the program fails */
  readonly stdout?: number;
  /** @default - that of this process */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end, which is at the latest that of this process.
 *
 * @throws PlatformError with the end of its output when it fails.
 */
export function runTool(command: string, args: readonly string[]): Promise<void> {
  // What is asked to end may take its time: buildctl waits for its builder.
  return run([...endWithUs("KILL"), command, ...args], { name: command });
}

/**
 * Runs a program to its end, also where this process ends before.
 *
 * @throws PlatformError with the end of its output when it fails.
 */
export async function run(
  [command = "", ...args]: readonly string[],
  { name = command, stdout, env = process.env }: RunOptions = {},
): Promise<void> {
  const child = spawn(command, args, { env, stdio: ["ignore", stdout ?? "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (chunk: Buffer) => {
      // A build may say a lot, of which the end tells.
      output = `${output}${chunk.toString()}`.slice(-(1 << 20));
    });
  let status: number | null;
  try {
    [status] = (await once(child, "close")) as [number | null];
  } catch (error) {
    throw new PlatformError(`${name} failed:\n${error instanceof Error ? error.message : ""}`);
  }
  if (status === 0) return;
  const end = output.trim().split("\n").slice(-20).join("\n");
  throw new PlatformError(`${name} failed:\n${end}`);
}
