import { join } from "node:path";
import type { PlatformSettings } from "../settings.ts";

/** File that binds the base images made here to their digests; other machines have others. */
export function mirrorLock({ state }: PlatformSettings): string {
  return join(state, "bases.lock.yaml");
}
