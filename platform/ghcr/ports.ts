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
