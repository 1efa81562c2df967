import { rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { nameRehearsal } from "../machine/hosts.ts";
import { stopService } from "../machine/processes.ts";
import { startAll } from "../machine/start-services.ts";
import type { PlatformSettings } from "../settings.ts";
import { platformTools } from "../tools/catalog.ts";
import { linkTools } from "../tools/links.ts";
import { provideTools } from "../tools/provide.ts";
import { rehearsalFolder } from "./certificates.ts";
import { rehearsalFactories, storageFolder } from "./servers.ts";

type Log = (line: string) => void;

const rehearsalTools = platformTools.filter(({ name }) => ["openssl", "registry"].includes(name));

/**
 * Starts what a release is rehearsed on, with or without the platform whose state folder it shares. What runs already
 * is left as it is.
 *
 * @throws PlatformError where /etc/hosts cannot be written, a port is taken, or a server does not become ready.
 */
export async function rehearsalUp(settings: PlatformSettings, log: Log): Promise<void> {
  const tools = await provideTools(rehearsalTools, settings.cache, log);
  const bin = join(rehearsalFolder(settings), "bin");
  linkTools(tools.values(), bin);
  process.env["PATH"] = [bin, process.env["PATH"] ?? ""].join(delimiter);
  nameRehearsal(settings);
  await startAll(settings, rehearsalFactories, log);
}

/** Ends these servers; what was pushed, accounts and certificates stay. */
export async function rehearsalDown({ state }: PlatformSettings, log: Log): Promise<void> {
  for (const name of ["airgap-registry", "rehearsal-registry", "rehearsal-tokens"])
    if (await stopService(state, name)) log(`stopped ${name}`);
}

/** Ends these servers and deletes what was pushed; accounts and certificates stay. */
export async function rehearsalReset(settings: PlatformSettings, log: Log): Promise<void> {
  await rehearsalDown(settings, log);
  for (const name of ["registry", "airgap"] as const)
    rmSync(storageFolder(settings, name), { recursive: true, force: true });
}
