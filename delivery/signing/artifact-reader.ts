import type { RegistryClient } from "../registry/client.ts";

/** What is read of a registry, or of a bundle, to attach and to check trust. */
export type ArtifactReader = Pick<
  RegistryClient,
  "host" | "getManifest" | "getBlob" | "listReferrers"
>;
