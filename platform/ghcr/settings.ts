import type { PlatformSettings } from "../settings";

/** TCP ports on loopback of what a release is rehearsed on. */
export interface RehearsalPorts {
  /** Registry that behaves like GHCR. */
  readonly registry: number;
  /** Its token service. */
  readonly tokens: number;
  /** Registry of a place without network, over plain HTTP. */
  readonly airgap: number;
}

/** Environment variable and default of each port; docs/platform.md lists them. */
export const rehearsalPortVariables: Readonly<
  Record<keyof RehearsalPorts, readonly [variable: string, port: number]>
> = {
  registry: ["TINYOLLY_PORT_REHEARSAL_REGISTRY", 30510],
  tokens: ["TINYOLLY_PORT_REHEARSAL_TOKENS", 30511],
  airgap: ["TINYOLLY_PORT_AIRGAP", 30512],
};

/** Name of the registry and of its token service, which /etc/hosts maps to loopback. */
export const rehearsalHost = "ghcr.tinyolly.test";

/** Host and port of the registry that behaves like GHCR. */
export function rehearsalRegistryHost({ rehearsalPorts }: PlatformSettings): string {
  return `${rehearsalHost}:${rehearsalPorts.registry}`;
}

/** Host and port of the registry without network, which clients take for one over plain HTTP by its name. */
export function airgapRegistryHost({ rehearsalPorts }: PlatformSettings): string {
  return `localhost:${rehearsalPorts.airgap}`;
}
