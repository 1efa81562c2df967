import { spawn } from "node:child_process";
import { join, resolve } from "node:path";
import type { Ended } from "./run-typescript.ts";

const project = resolve(import.meta.dirname, "..");

/** Runs one of this project's scripts in the current folder with a JSON request on standard input. */
export function runScript(
  file: string,
  request: unknown,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [join(project, file)], { env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  child.stdin.end(JSON.stringify(request));
  return new Promise((done) => {
    child.once("close", (status) => {
      done({ status: status ?? -1, stdout, stderr });
    });
  });
}
