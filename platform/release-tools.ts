import { join } from "node:path";
import { releaseTools } from "./catalog";
import { project } from "./settings";
import { linkTools, provideTools } from "./tools";

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
