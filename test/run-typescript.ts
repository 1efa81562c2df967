import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const project = resolve(__dirname, "..");
const tsx = pathToFileURL(createRequire(__filename).resolve("tsx")).href;

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
  const command = ["--import", tsx, join(project, file), ...args];
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
