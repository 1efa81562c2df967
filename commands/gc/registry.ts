import type { RegistryClient } from "../../delivery/registry/client.ts";

/** What cleaning asks of a registry. */
export type Registry = Pick<
  RegistryClient,
  | "host"
  | "listRepositories"
  | "getManifest"
  | "listTags"
  | "getBlob"
  | "listReferrers"
  | "deleteManifest"
  | "close"
>;
