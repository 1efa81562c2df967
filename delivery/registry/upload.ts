import { type RegistryConnection, pathIn } from "./connection.ts";
import {
  Interrupted,
  RegistryFailure,
  checkAddress,
  runAgain,
  withReason,
  wordsOf,
} from "./failure.ts";
import { contentType, requireDigest, saidDigest } from "./manifest-reader.ts";
import { isMissing } from "./manifests.ts";
import type { RegistryResponse, Scope, Source } from "./types.ts";

/** Way in which a blob came into a repository. */
export type Pushed = "there" | "mounted" | "pushed";

/** Blob to upload. */
export interface Upload {
  readonly digest: string;
  readonly source: Source;
  /** Repository of the same registry that may have the blob; undefined where none is tried. */
  readonly mountFrom: string | undefined;
}

/**
 * Uploads a blob unless the repository has it or can mount it. An interrupted upload begins again, up to four tries in all.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put
 * @throws RegistryFailure when the registry does not take it.
 */
export function uploadBlob(
  connection: RegistryConnection,
  scope: Scope,
  { digest, source, mountFrom }: Upload,
): Promise<Pushed> {
  const from = mountFrom === scope.repository ? undefined : mountFrom;
  return connection.repeat(scope, async () => {
    if (await hasBlob(connection, scope, digest)) return "there";
    const mounted =
      from === undefined ? undefined : await mount(connection, { ...scope, from }, digest);
    if (mounted === "mounted") return mounted;
    const begun = mounted ?? (await begin(connection, scope));
    const sent = source.size === 0 ? begun : await sendBytes(connection, scope, source, begun);
    await commit(connection, scope, digest, sent);
    return "pushed";
  });
}

/**
 * Whether a repository has a blob, by one request.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#checking-if-content-exists-in-the-registry
 */
export async function hasBlob(
  connection: RegistryConnection,
  scope: Scope,
  digest: string,
): Promise<boolean> {
  const to = pathIn(scope, "blobs", digest);
  const response = await connection.once({ scope, method: "HEAD", to });
  if (isMissing(response)) return false;
  // A web server that is no registry may answer every path with a page.
  if (response.status !== 200 || contentType(response) === "text/html")
    throw await connection.refusal(response, scope);
  return true;
}

/**
 * Mounts a blob from the other repository of the scope, or begins an upload; undefined where the registry does neither.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository
 */
async function mount(
  connection: RegistryConnection,
  scope: Scope & { readonly from: string },
  digest: string,
): Promise<URL | "mounted" | undefined> {
  const query = new URLSearchParams({ mount: digest, from: scope.from }).toString();
  const to = `${pathIn(scope, "blobs", "uploads/")}?${query}`;
  try {
    const response = await connection.once({ scope, method: "POST", to });
    if (response.status === 201) return "mounted";
    return response.status === 202
      ? connection.server.reference(response.headers.location, response)
      : undefined;
  } catch (error) {
    // Some token services give no token at all where the user may not read the other repository.
    if (error instanceof RegistryFailure) return undefined;
    throw error;
  }
}

/**
 * Begins an upload and returns the address that takes its bytes.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put
 */
async function begin(connection: RegistryConnection, scope: Scope): Promise<URL> {
  const to = pathIn(scope, "blobs", "uploads/");
  const response = await connection.once({ scope, method: "POST", to });
  if (response.status !== 202) throw await connection.refusal(response, scope);
  const at = connection.server.reference(response.headers.location, response);
  if (!at)
    throw new RegistryFailure(
      `the registry answered 202 without a place for the upload, as no registry does; ${checkAddress}`,
    );
  return at;
}

/**
 * Begins an upload and cancels it, so that missing rights are known before anything is built.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#cancel-a-blob-upload
 * @throws RegistryFailure when the registry takes no uploads.
 */
export async function checkPush(connection: RegistryConnection, scope: Scope): Promise<void> {
  const at = await connection.repeat(scope, () => begin(connection, scope));
  try {
    await connection.once({ scope, method: "DELETE", to: at });
  } catch (error) {
    // Some registries cannot cancel an upload, and let it expire.
    if (!(error instanceof RegistryFailure)) throw error;
  }
}

/**
 * Sends all bytes in one request; the response names the address where the upload goes on.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks
 */
async function sendBytes(
  connection: RegistryConnection,
  scope: Scope,
  body: Source,
  to: URL,
): Promise<URL> {
  const headers = { "content-type": "application/octet-stream" };
  const response = await connection.once({ scope, method: "PATCH", to, headers, body });
  if (![201, 202, 204].includes(response.status)) throw await broken(connection, scope, response);
  return connection.server.reference(response.headers.location, response) ?? to;
}

/**
 * Ends an upload under its digest.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks
 */
async function commit(
  connection: RegistryConnection,
  scope: Scope,
  digest: string,
  at: URL,
): Promise<void> {
  const to = new URL(at);
  // The registry's own query must stay byte for byte, so URLSearchParams may not write it again.
  to.search = `${at.search === "" ? "?" : `${at.search}&`}digest=${encodeURIComponent(digest)}`;
  const response = await connection.once({ scope, method: "PUT", to, slow: true });
  if (![201, 204].includes(response.status)) throw await broken(connection, scope, response);
  requireDigest(saidDigest(response) ?? digest, digest);
}

/** Interruption that is worth a new upload, else a refusal. */
async function broken(
  connection: RegistryConnection,
  scope: Scope,
  response: RegistryResponse,
): Promise<RegistryFailure> {
  const said = `(${withReason(response.status)}); ${runAgain}${connection.server.says(response)}`;
  const codes = wordsOf(response).map(({ code }) => code);
  if (codes.includes("DIGEST_INVALID"))
    return new Interrupted(`other bytes reached the registry than were sent ${said}`);
  const lost = codes.some((code) => /^(BLOB_UPLOAD_|RANGE_INVALID|SIZE_INVALID)/.test(code));
  if (lost || response.status === 404 || response.status === 416)
    return new Interrupted(`the registry lost the upload while it went on ${said}`);
  return connection.refusal(response, scope);
}
