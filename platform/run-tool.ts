import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { asRoot } from "./root";
import { buildkitAddress } from "./services";
import { PlatformError, type PlatformSettings } from "./settings";

const collected = { encoding: "utf8", maxBuffer: 1 << 28 } as const;

/**
 * Runs a program to its end.
 *
 * @throws PlatformError with the end of its output when it fails.
 */
export function runTool(command: string, args: readonly string[]): void {
  requireSuccess(command, spawnSync(command, args, collected));
}

/** Makes the file system of a Debian suite as a tar file, as root; the file is this user's. Returns its path. */
export function makeDebian(suite: string, options: readonly string[], file: string): string {
  const [program, ...args] = asRoot(["mmdebstrap", "--format=tar", ...options, suite, "-"]);
  const output = openSync(file, "w");
  try {
    const stdio = ["ignore", output, "pipe"] as const;
    requireSuccess("mmdebstrap", spawnSync(program, args, { ...collected, stdio: [...stdio] }));
    return file;
  } finally {
    closeSync(output);
  }
}

function requireSuccess(
  command: string,
  { status, error, stdout, stderr }: SpawnSyncReturns<string>,
): void {
  if (status === 0) return;
  const output = error
    ? error.message
    : // What went to a file is null here.
      [stdout, stderr].join("").trim().split("\n").slice(-20).join("\n");
  throw new PlatformError(`${command} failed:\n${output}`);
}

/** Builds the Dockerfile of a folder with the platform's BuildKit; `options` say for what, and where the result goes. */
export function buildFolder(
  settings: PlatformSettings,
  context: string,
  options: readonly string[],
): void {
  runTool("buildctl", [
    `--addr=${buildkitAddress(settings)}`,
    "build",
    "--progress=plain",
    "--frontend=dockerfile.v0",
    `--local=context=${context}`,
    `--local=dockerfile=${context}`,
    ...options,
  ]);
}
