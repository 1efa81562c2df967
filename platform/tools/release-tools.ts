import { delimiter, join } from "node:path";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { project, readPlatformSettings } from "../settings.ts";
import { releaseTools } from "./catalog.ts";
import { linkTools } from "./links.ts";
import { provideTools } from "./provide.ts";

/**
 * Provides the programs that sign what is published, which takes minutes where they must be built. Resolves to a folder
 * with a link to each, for PATH.
 *
 * @throws PlatformError when one cannot be had.
 */
export async function provideReleaseTools(
  cache: string,
  log: (line: string) => void,
  folder = join(project, ".tinyolly/release/bin"),
): Promise<string> {
  linkTools((await provideTools(releaseTools, cache, log)).values(), folder);
  return folder;
}

/** {@link enterReleaseTools} where the configuration of a stack, as `env` has it read, says to sign. */
export async function enterSigner(
  stack: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<void> {
  if (readStackConfiguration(stack, env)["tinyolly:signing"] !== "none") await enterReleaseTools();
}

/** Puts what signs on PATH of this process. */
export async function enterReleaseTools(): Promise<void> {
  const folder = await provideReleaseTools(readPlatformSettings().cache, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const path = process.env["PATH"] ?? "";
  if (path.split(delimiter)[0] !== folder) process.env["PATH"] = [folder, path].join(delimiter);
}
