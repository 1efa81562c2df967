import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { PlatformError, readPlatformSettings } from "../platform/settings.ts";
import { officialKubernetes, pulumiPlugins } from "../platform/tools/catalog.ts";
import { provideTools } from "../platform/tools/provide.ts";

/** Suites that `make test SUITE=official` runs on the official kubernetes plugin; no other one asks the plugin for more. */
export const officialSuites: readonly string[] = ["contract", "end to end: delivery"];

/** Tells the contract suite which version of the official kubernetes plugin it plays. */
export const contractVersionVariable = "CONTRACT_KUBERNETES_PLUGIN";

/**
 * Makes an empty folder a PULUMI_HOME with the official kubernetes plugin, which is built where the tool cache has none yet; the rest
 * of the home is filled by the platform's start. Returns the environment in which all is to run.
 *
 * The plugin lies where Pulumi looks for the version that package.json asks for, and tells its own, older one, so that the CLI warns.
 *
 * @throws PlatformError when it cannot be built.
 */
export async function officialEnvironment(home: string): Promise<Record<string, string>> {
  const { name: program, version } = officialKubernetes;
  const asked = pulumiPlugins.find(({ substitute }) => substitute.name === program);
  const tools = await provideTools([officialKubernetes], readPlatformSettings().cache, (line) => {
    process.stderr.write(`${line}\n`);
  });
  const built = tools.get(program);
  if (!asked || !built)
    throw new PlatformError(`${program} is missing in platform/tools/catalog.ts`);
  const folder = join(home, "plugins", `resource-${asked.name}-v${asked.version}`);
  mkdirSync(folder, { recursive: true });
  symlinkSync(built.path, join(folder, program));
  return { PULUMI_HOME: home, [contractVersionVariable]: version };
}
