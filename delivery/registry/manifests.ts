import { sha256 } from "../basics/sha256.ts";
import type { RegistryConnection } from "./connection.ts";
import {
  contentType,
  manifestTypes,
  readManifest,
  requireDigest,
  requireManifestType,
  saidDigest,
} from "./manifest-reader.ts";
import { pathIn } from "./path.ts";
import { Problem } from "./problem.ts";
import type { Manifest, Answer, Errand } from "./types.ts";

/** A manifest as it is sent. */
export interface ManifestBytes {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** The manifest under a tag or a `sha256:…`; undefined when the registry does not have it. */
export async function getManifest(
  connection: RegistryConnection,
  errand: Errand,
  reference: string,
): Promise<Manifest | undefined> {
  const answer = await ask(connection, errand, "GET", reference);
  return answer && readManifest(answer, reference);
}

/** Whether the registry has the manifest with this `sha256:…`. */
export async function hasManifest(
  connection: RegistryConnection,
  errand: Errand,
  digest: string,
): Promise<boolean> {
  const answer = await ask(connection, errand, "HEAD", digest);
  if (!answer) return false;
  requireManifestType(answer);
  requireDigest(saidDigest(answer) ?? digest, digest);
  return true;
}

async function ask(
  connection: RegistryConnection,
  errand: Errand,
  method: "GET" | "HEAD",
  reference: string,
): Promise<Answer | undefined> {
  const to = pathIn(errand, "manifests", reference);
  const headers = { accept: manifestTypes.join(", ") };
  const answer = await connection.send({ errand, method, to, headers });
  if (isMissing(answer)) return undefined;
  if (answer.status !== 200) throw await connection.refusal(answer, errand);
  return answer;
}

/** Puts a manifest under a tag or its own `sha256:…`; returns the registry's answer and the digest. */
export async function sendManifest(
  connection: RegistryConnection,
  errand: Errand,
  reference: string,
  { bytes, mediaType }: ManifestBytes,
): Promise<{ readonly answer: Answer; readonly digest: string }> {
  const digest = `sha256:${sha256(bytes)}`;
  if (reference.startsWith("sha256:") && reference !== digest)
    throw new Problem(`the manifest has the digest ${digest}; put it under that, or under a tag`);
  const answer = await connection.send({
    errand,
    method: "PUT",
    to: pathIn(errand, "manifests", reference),
    headers: { "content-type": mediaType },
    body: bytes,
    slow: true,
  });
  if (answer.status !== 201) throw await connection.refusal(answer, errand);
  requireDigest(saidDigest(answer) ?? digest, digest);
  return { answer, digest };
}

/** Deletes a tag or a manifest; false when it was not there. */
export async function deleteManifest(
  connection: RegistryConnection,
  errand: Errand,
  reference: string,
): Promise<boolean> {
  const to = pathIn(errand, "manifests", reference);
  const answer = await connection.send({ errand, method: "DELETE", to });
  if (isMissing(answer)) return false;
  if (![200, 202, 204].includes(answer.status)) throw await connection.refusal(answer, errand);
  return true;
}

/** Whether an answer says that something is not there. Web servers that are no registry have pages for that. */
export function isMissing(answer: Answer): boolean {
  return answer.status === 404 && contentType(answer) !== "text/html";
}
