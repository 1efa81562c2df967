import type { PlatformSettings } from "../settings.ts";

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
