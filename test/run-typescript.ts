import { execFile } from "node:child_process";
import { join, resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");

/** How a command ended. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of this project's commands in the current folder, with additions to the environment. */
export function runTypeScript(
  file: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const command = [join(project, file), ...args];
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      command,
      { env: { ...process.env, ...env } },
      (_, stdout, stderr) => {
        done({ status: child.exitCode ?? -1, stdout, stderr });
      },
    );
  });
}
