import { execFile } from "node:child_process";
import { InputError } from "../basics/input-error.ts";

/** How a program ended. */
export interface ToolRun {
  /** Exit code; undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** What to do where cosign or syft are missing. */
export const installTools = `install it, or run eval "$(make -s release-tools)" to build it`;

/**
 * Runs a program without standard input, so that none asks for a password, and resolves to how it ended.
 *
 * @throws InputError when it is not on PATH.
 */
export function runTool(
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ToolRun> {
  return new Promise((resolve, reject) => {
    const child = execFile(name, args, { env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      if (error?.code === "ENOENT")
        reject(new InputError(`${name} is not on PATH; ${installTools}`));
      else resolve({ status: child.exitCode ?? undefined, stdout, stderr });
    });
    child.stdin?.end();
  });
}

/** Where programs say why they failed. */
export function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
