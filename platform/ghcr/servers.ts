import { join } from "node:path";
import { registryServer } from "../cluster/registry-server.ts";
import { get } from "../machine/http.ts";
import type { Service } from "../machine/processes.ts";
import { writeConfig } from "../machine/state-files.ts";
import { type PlatformSettings, project } from "../settings.ts";
import { accountsFile, privatePackagesFile } from "./accounts.ts";
import { rehearsalCertificate, rehearsalFolder } from "./certificates.ts";
import { rehearsalHost } from "./settings.ts";
import { tokenKey } from "./token-key.ts";
import type { TokenServiceSettings } from "./token-service.ts";

/** Everything that a release is rehearsed on, in start order. */
export const rehearsalFactories: readonly ((settings: PlatformSettings) => Service)[] = [
  tokenService,
  registry,
  airgapRegistry,
];

/** Folder of what was pushed to one of the registries. */
export function storageFolder(settings: PlatformSettings, name: "registry" | "airgap"): string {
  return join(rehearsalFolder(settings), name);
}

/** Gives out the tokens that {@link registry} asks for, as GHCR does. */
function tokenService(settings: PlatformSettings): Service {
  const { tokens: port } = settings.rehearsalPorts;
  const config: TokenServiceSettings = {
    port,
    realm: realm(settings),
    service: rehearsalHost,
    ...rehearsalCertificate(settings),
    tokenKey: tokenKey(settings).key,
    accounts: accountsFile(settings),
    privatePackages: privatePackagesFile(settings),
    storage: storageFolder(settings, "registry"),
  };
  const name = "rehearsal-tokens";
  return {
    name,
    command: [
      process.execPath,
      join(project, "platform/ghcr/token-service.ts"),
      writeConfig(settings, `${name}.json`, JSON.stringify(config, undefined, 2)),
    ],
    address: `127.0.0.1:${port}`,
    ports: [port],
    ready: async () => (await get(`https://127.0.0.1:${port}/token`)).status === 200,
    patience: 30,
  };
}

/** A registry that behaves like GHCR: TLS by a private authority, and nothing without a token. */
function registry(settings: PlatformSettings): Service {
  return registryServer(settings, {
    name: "rehearsal-registry",
    port: settings.rehearsalPorts.registry,
    folder: storageFolder(settings, "registry"),
    tls: rehearsalCertificate(settings),
    tokens: {
      realm: realm(settings),
      service: rehearsalHost,
      issuer: rehearsalHost,
      jwks: tokenKey(settings).keySet,
    },
    relativeUrls: true,
  });
}

/** The registry of a place without network, to which releases come by file. */
function airgapRegistry(settings: PlatformSettings): Service {
  return registryServer(settings, {
    name: "airgap-registry",
    port: settings.rehearsalPorts.airgap,
    folder: storageFolder(settings, "airgap"),
    relativeUrls: true,
  });
}

function realm({ rehearsalPorts }: PlatformSettings): string {
  return `https://${rehearsalHost}:${rehearsalPorts.tokens}/token`;
}
