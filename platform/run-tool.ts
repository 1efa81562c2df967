import { spawnSync } from "node:child_process";
import { buildkitAddress } from "./services";
import { PlatformError, type PlatformSettings } from "./settings";

/**
 * Runs a program to its end.
 *
 * @throws PlatformError with the end of its output when it fails.
 */
export function runTool(command: string, args: readonly string[]): void {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status === 0) return;
  const output = error
    ? error.message
    : `${stdout}${stderr}`.trim().split("\n").slice(-20).join("\n");
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
