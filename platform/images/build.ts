import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { endWithUs } from "../machine/end-with-us";
import { asRoot } from "../machine/root";
import { buildkitAddress } from "../cluster/services";
import { PlatformError, type PlatformSettings } from "../settings";

/**
 * Runs a program to its end.
 *
 * @throws PlatformError with the end of its output when it fails.
 */
export async function runTool(command: string, args: readonly string[]): Promise<void> {
  await runTo("pipe", command, [command, ...args]);
}

/** Makes the file system of a Debian suite as a tar file, as root; the file is this user's. Returns its path. */
export async function makeDebian(
  suite: string,
  options: readonly string[],
  file: string,
): Promise<string> {
  // It fills a file system there and runs programs of it, which /tmp may be too small for, or not allow.
  const temporary = `TMPDIR=${dirname(resolve(file))}`;
  const command = asRoot(["env", temporary, "mmdebstrap", "--format=tar", ...options, suite, "-"]);
  const output = openSync(file, "w");
  try {
    await runTo(output, "mmdebstrap", command);
    return file;
  } finally {
    closeSync(output);
  }
}

/** Runs a program, which errors call `name`; its standard output goes to a file, or is collected. */
async function runTo(
  stdout: number | "pipe",
  name: string,
  [command, ...args]: readonly [string, ...string[]],
): Promise<void> {
  const [program, ...words] = [...endWithUs(), command, ...args];
  const child = spawn(program ?? command, words, { stdio: ["ignore", stdout, "pipe"] });
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

/** Builds the Dockerfile of a folder with the platform's BuildKit; `options` say for what, and where the result goes. */
export async function buildFolder(
  settings: PlatformSettings,
  context: string,
  options: readonly string[],
): Promise<void> {
  await runTool("buildctl", [
    `--addr=${buildkitAddress(settings)}`,
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${context}`,
    ...options,
  ]);
}
