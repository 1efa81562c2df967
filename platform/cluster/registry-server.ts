import { mkdirSync } from "node:fs";
import { get } from "../machine/http.ts";
import type { Service } from "../machine/processes.ts";
import { type Certificate, secret, writeConfig } from "../machine/state-files.ts";
import type { PlatformSettings } from "../settings.ts";

/** How one registry is served. */
export interface RegistryOptions {
  readonly name: string;
  /** Port on loopback. */
  readonly port: number;
  /** Folder of its images. */
  readonly folder: string;
  /** @default - plain HTTP */
  readonly tls?: Certificate;
  /** Settings of `auth.token` of distribution. @default - everybody may do anything */
  readonly tokens?: Readonly<Record<string, string>>;
  /** Whether Location headers are paths, so that a proxy may stand before it. @default false */
  readonly relativeUrls?: boolean;
}

/** A registry (distribution) from which may be deleted. */
export function registryServer(
  settings: PlatformSettings,
  { name, port, folder, tls, tokens, relativeUrls = false }: RegistryOptions,
): Service {
  mkdirSync(folder, { recursive: true });
  const config = {
    version: "0.1",
    log: { level: "warn", accesslog: { disabled: false } },
    storage: {
      filesystem: { rootdirectory: folder },
      delete: { enabled: true },
      maintenance: { uploadpurging: { enabled: true, age: "24h", interval: "24h", dryrun: false } },
    },
    http: {
      addr: `127.0.0.1:${port}`,
      secret: secret(settings, "registry-secret"),
      ...(relativeUrls ? { relativeurls: true } : {}),
      ...(tls ? { tls: { certificate: tls.certificate, key: tls.key } } : {}),
    },
    ...(tokens ? { auth: { token: tokens } } : {}),
  };
  const file = writeConfig(settings, `${name}.json`, JSON.stringify(config, undefined, 2));
  const url = `${tls ? "https" : "http"}://127.0.0.1:${port}/v2/`;
  return {
    name,
    command: ["registry", "serve", file],
    env: { OTEL_TRACES_EXPORTER: "none" },
    address: `127.0.0.1:${port}`,
    ports: [port],
    ready: async () => (await get(url)).status === (tokens ? 401 : 200),
    patience: 20,
  };
}
