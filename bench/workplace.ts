import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { buildkitAddress } from "../platform/cluster/services.ts";
import { environment } from "../platform/environment.ts";
import { PlatformError, readPlatformSettings, registryHosts } from "../platform/settings.ts";
import { platformStatus } from "../platform/status.ts";
import { provideTools } from "../platform/tools/provide.ts";
import { benchTools } from "./tools.ts";

/** Where one run of the benchmark works: a temporary folder, and the platform that all contenders share. */
export interface Workplace {
  /** Checkout that is measured; only read. */
  readonly project: string;
  /** Temporary folder, removed at the end. */
  readonly folder: string;
  /** Environment of every command. */
  readonly env: NodeJS.ProcessEnv;
  /** Host and port to which images and charts are pushed. */
  readonly pushHost: string;
  /** The same registry over plain HTTP. */
  readonly plainPushHost: string;
  /** Host and port from which the cluster pulls. */
  readonly pullHost: string;
  /** Address of BuildKit. */
  readonly buildkit: string;
}

/**
 * Makes the temporary folder and finds the tools.
 *
 * @throws PlatformError when a server of the platform is not ready.
 */
export async function openWorkplace(
  project: string,
  log: (line: string) => void,
): Promise<Workplace> {
  const settings = readPlatformSettings();
  const services = await platformStatus(settings);
  const away = services.filter(({ health }) => health !== "ready").map(({ name }) => name);
  if (away.length > 0)
    throw new PlatformError(`${away.join(", ")} of the platform: not ready; run make platform-up`);
  const found = await provideTools(benchTools, settings.cache, log);
  const folders = [...found.values()].map(({ path }) => dirname(path));
  const platform = environment(settings);
  return {
    project,
    folder: mkdtempSync(join(tmpdir(), "tinyolly-bench-")),
    env: {
      ...process.env,
      ...platform,
      PATH: [platform["PATH"] ?? "", ...folders].join(delimiter),
    },
    pushHost: `${registryHosts.tls}:${settings.ports.registryTls}`,
    plainPushHost: `localhost:${settings.ports.registry}`,
    pullHost: `${registryHosts.inCluster}:${settings.ports.registryInCluster}`,
    buildkit: buildkitAddress(settings),
  };
}

/** Removes the temporary folder. */
export function closeWorkplace({ folder }: Workplace): void {
  rmSync(folder, { recursive: true, force: true });
}
