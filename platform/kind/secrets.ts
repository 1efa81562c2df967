import { readFileSync } from "node:fs";
import { join } from "node:path";
import { secret, selfSigned } from "../machine/state-files.ts";
import { type PlatformSettings, registryHosts } from "../settings.ts";
import type { RegistrySecrets } from "./plan.ts";

/** What stands in the place of secrets where they are only shown. */
export const shownSecrets: RegistrySecrets = {
  "tls.crt": "made by up",
  "tls.key": "made by up",
  "http-secret": "made by up",
};

/** The registry's secrets, made once and kept in the state folder for its owner only. */
export function provideSecrets(settings: PlatformSettings): RegistrySecrets {
  const names = `DNS:${registryHosts.tls},DNS:localhost,IP:127.0.0.1`;
  const folder = join(settings.state, "registry");
  const { certificate, key } = selfSigned(folder, `/CN=${registryHosts.tls}`, names);
  return {
    "tls.crt": readFileSync(certificate, "utf8"),
    "tls.key": readFileSync(key, "utf8"),
    "http-secret": secret(settings, "registry-secret"),
  };
}
