import { closeSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { buildkitAddress } from "../cluster/services.ts";
import { endWithUs } from "../machine/end-with-us.ts";
import { asRoot } from "../machine/root.ts";
import { run, runTool } from "../machine/run.ts";
import type { PlatformSettings } from "../settings.ts";

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
    await run([...endWithUs(), ...command], { name: "mmdebstrap", stdout: output });
    return file;
  } finally {
    closeSync(output);
  }
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
