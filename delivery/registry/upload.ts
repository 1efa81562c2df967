import type { RegistryConnection } from "./connection.ts";
import { contentType, requireDigest, saidDigest } from "./manifest-reader.ts";
import { isMissing } from "./manifests.ts";
import { pathIn } from "./path.ts";
import { BrokenOff, Problem, checkAddress, runAgain, withReason, wordsOf } from "./problem.ts";
import type { Answer, Errand, Source } from "./types.ts";

/** How a blob came to be in a repository. */
export type Pushed = "there" | "mounted" | "pushed";

/** What to push. */
export interface Upload {
  readonly digest: string;
  readonly source: Source;
  /** Repository of the same registry that may have the blob; undefined where none is tried. */
  readonly mountFrom: string | undefined;
}

/**
 * Brings a blob into a repository, with as little traffic as possible. What breaks off is begun again, four times at most in
 * all.
 *
 * @throws Problem when the registry does not take it.
 */
export function uploadBlob(
  connection: RegistryConnection,
  errand: Errand,
  { digest, source, mountFrom }: Upload,
): Promise<Pushed> {
  const from = mountFrom === errand.repository ? undefined : mountFrom;
  return connection.repeat(errand, async () => {
    if (await hasBlob(connection, errand, digest)) return "there";
    const mounted =
      from === undefined ? undefined : await mount(connection, { ...errand, from }, digest);
    if (mounted === "mounted") return mounted;
    const begun = mounted ?? (await begin(connection, errand));
    const sent = source.size === 0 ? begun : await sendBytes(connection, errand, source, begun);
    await commit(connection, errand, digest, sent);
    return "pushed";
  });
}

/** Whether a repository has a blob, asked one time. */
export async function hasBlob(
  connection: RegistryConnection,
  errand: Errand,
  digest: string,
): Promise<boolean> {
  const to = pathIn(errand, "blobs", digest);
  const answer = await connection.once({ errand, method: "HEAD", to });
  if (isMissing(answer)) return false;
  // Web servers that are no registry have pages for everything.
  if (answer.status !== 200 || contentType(answer) === "text/html")
    throw await connection.refusal(answer, errand);
  return true;
}

/** Takes a blob over from the repository of the errand, or begins an upload; undefined where the registry does neither. */
async function mount(
  connection: RegistryConnection,
  errand: Errand & { readonly from: string },
  digest: string,
): Promise<URL | "mounted" | undefined> {
  const query = new URLSearchParams({ mount: digest, from: errand.from }).toString();
  const to = `${pathIn(errand, "blobs", "uploads/")}?${query}`;
  try {
    const answer = await connection.once({ errand, method: "POST", to });
    if (answer.status === 201) return "mounted";
    return answer.status === 202
      ? connection.reference(answer.headers.location, answer)
      : undefined;
  } catch (error) {
    // Some token services refuse a token for a repository that one may not read.
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

async function begin(connection: RegistryConnection, errand: Errand): Promise<URL> {
  const to = pathIn(errand, "blobs", "uploads/");
  const answer = await connection.once({ errand, method: "POST", to });
  if (answer.status !== 202) throw await connection.refusal(answer, errand);
  const at = connection.reference(answer.headers.location, answer);
  if (!at)
    throw new Problem(
      `the registry answered 202 without a place for the upload, as no registry does; ${checkAddress}`,
    );
  return at;
}

/**
 * Begins an upload and gives it up again, so that a registry that would take none says so before there is anything to take.
 *
 * @throws Problem when it would not.
 */
export async function tryUpload(connection: RegistryConnection, errand: Errand): Promise<void> {
  const at = await connection.repeat(errand, () => begin(connection, errand));
  try {
    await connection.once({ errand, method: "DELETE", to: at });
  } catch (error) {
    // Not every registry lets go of it before its time.
    if (!(error instanceof Problem)) throw error;
  }
}

/** Sends all bytes in one request; the answer says where the upload goes on. */
async function sendBytes(
  connection: RegistryConnection,
  errand: Errand,
  body: Source,
  to: URL,
): Promise<URL> {
  const headers = { "content-type": "application/octet-stream" };
  const answer = await connection.once({ errand, method: "PATCH", to, headers, body });
  if (![201, 202, 204].includes(answer.status)) throw await broken(connection, errand, answer);
  return connection.reference(answer.headers.location, answer) ?? to;
}

async function commit(
  connection: RegistryConnection,
  errand: Errand,
  digest: string,
  at: URL,
): Promise<void> {
  const to = new URL(at);
  // What is there is the registry's own, and must stay as it is to the letter.
  to.search = `${at.search === "" ? "?" : `${at.search}&`}digest=${encodeURIComponent(digest)}`;
  const answer = await connection.once({ errand, method: "PUT", to, slow: true });
  if (![201, 204].includes(answer.status)) throw await broken(connection, errand, answer);
  requireDigest(saidDigest(answer) ?? digest, digest);
}

/** A refusal, or what is worth a new upload. */
async function broken(
  connection: RegistryConnection,
  errand: Errand,
  answer: Answer,
): Promise<Problem> {
  const said = `(${withReason(answer.status)}); ${runAgain}${connection.says(answer)}`;
  const codes = wordsOf(answer).map(({ code }) => code);
  if (codes.includes("DIGEST_INVALID"))
    return new BrokenOff(`other bytes reached the registry than were sent ${said}`);
  const lost = codes.some((code) => /^(BLOB_UPLOAD_|RANGE_INVALID|SIZE_INVALID)/.test(code));
  if (lost || answer.status === 404 || answer.status === 416)
    return new BrokenOff(`the registry lost the upload while it went on ${said}`);
  return connection.refusal(answer, errand);
}
