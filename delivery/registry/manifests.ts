import { sha256 } from "../basics/sha256.ts";
import { type RegistryConnection, pathIn } from "./connection.ts";
import { RegistryFailure } from "./failure.ts";
import {
  contentType,
  manifestTypes,
  readManifest,
  requireDigest,
  requireManifestType,
  saidDigest,
} from "./manifest-reader.ts";
import type { Manifest, RegistryResponse, Scope } from "./types.ts";

/** Manifest to put into a registry. */
export interface ManifestBytes {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/**
 * Reads the manifest under a tag or a `sha256:…`; undefined when the registry does not have it.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
 */
export async function getManifest(
  connection: RegistryConnection,
  scope: Scope,
  reference: string,
): Promise<Manifest | undefined> {
  const response = await ask(connection, scope, "GET", reference);
  return response && readManifest(response, reference);
}

/**
 * Whether the registry has the manifest with this `sha256:…`.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
 */
export async function hasManifest(
  connection: RegistryConnection,
  scope: Scope,
  digest: string,
): Promise<boolean> {
  const response = await ask(connection, scope, "HEAD", digest);
  if (!response) return false;
  requireManifestType(response);
  requireDigest(saidDigest(response) ?? digest, digest);
  return true;
}

async function ask(
  connection: RegistryConnection,
  scope: Scope,
  method: "GET" | "HEAD",
  reference: string,
): Promise<RegistryResponse | undefined> {
  const to = pathIn(scope, "manifests", reference);
  const headers = { accept: manifestTypes.join(", ") };
  const response = await connection.send({ scope, method, to, headers });
  if (isMissing(response)) return undefined;
  if (response.status !== 200) throw await connection.refusal(response, scope);
  return response;
}

/**
 * Puts a manifest under a tag or its own `sha256:…`; returns the response and the digest.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
 */
export async function putManifest(
  connection: RegistryConnection,
  scope: Scope,
  reference: string,
  { bytes, mediaType }: ManifestBytes,
): Promise<{ readonly response: RegistryResponse; readonly digest: string }> {
  const digest = `sha256:${sha256(bytes)}`;
  if (reference.startsWith("sha256:") && reference !== digest)
    throw new RegistryFailure(
      `the manifest has the digest ${digest}; put it under that, or under a tag`,
    );
  const response = await connection.send({
    scope,
    method: "PUT",
    to: pathIn(scope, "manifests", reference),
    headers: { "content-type": mediaType },
    body: bytes,
    slow: true,
  });
  if (response.status !== 201) throw await connection.refusal(response, scope);
  requireDigest(saidDigest(response) ?? digest, digest);
  return { response, digest };
}

/**
 * Deletes a tag or a manifest; false when it was not there.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#deleting-tags
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#deleting-manifests
 */
export async function deleteManifest(
  connection: RegistryConnection,
  scope: Scope,
  reference: string,
): Promise<boolean> {
  const to = pathIn(scope, "manifests", reference);
  const response = await connection.send({ scope, method: "DELETE", to });
  if (isMissing(response)) return false;
  if (![200, 202, 204].includes(response.status)) throw await connection.refusal(response, scope);
  return true;
}

/** Whether a response says that something is missing; web servers that are no registry send a page with a 404. */
export function isMissing(response: RegistryResponse): boolean {
  return response.status === 404 && contentType(response) !== "text/html";
}
