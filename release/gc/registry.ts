import type { RegistryClient } from "../../components/registry-client";

export type { Descriptor, Manifest } from "../../components/registry-client";

/** What cleaning asks of a registry. */
export type Registry = Pick<
  RegistryClient,
  "host" | "repositories" | "manifest" | "tags" | "blob" | "referrers" | "delete" | "close"
>;
