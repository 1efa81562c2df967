import type { PlatformSettings } from "../settings.ts";
import { type Service, startService } from "./processes.ts";

/** Describes a server of a platform; it may write the server's configuration. */
export type ServiceFactory = (settings: PlatformSettings) => Service;

/** Starts servers one after the other, each once the one before it is ready, and says what had to be started. */
export async function startAll(
  settings: PlatformSettings,
  factories: readonly ServiceFactory[],
  log: (line: string) => void,
): Promise<void> {
  for (const factory of factories) {
    // Only now, since it may ask for what the ones before it left.
    const service = factory(settings);
    const started = Date.now();
    if (!(await startService(settings.state, service, log))) continue;
    log(
      `started ${service.name} on ${service.address} in ${((Date.now() - started) / 1000).toFixed(1)} s`,
    );
  }
}
