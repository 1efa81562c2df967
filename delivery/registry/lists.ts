import { fields, parseJson } from "../basics/json-fields.ts";
import { type RegistryConnection, pathIn } from "./connection.ts";
import { Outage, RegistryFailure, checkAddress } from "./failure.ts";
import { contentType, readDescriptor } from "./manifest-reader.ts";
import { isMissing } from "./manifests.ts";
import { imageIndexType } from "./media-types.ts";
import { isDigest } from "./references.ts";
import type { Descriptor, RegistryResponse, Scope } from "./types.ts";

const pageSize = 1000;

/**
 * Lists all tags of a repository, sorted; none where the registry does not know it.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags
 */
export async function listTags(connection: RegistryConnection, scope: Scope): Promise<string[]> {
  const path = `${pathIn(scope, "tags", "list")}?n=${pageSize}`;
  const tags = new Set<string>();
  for await (const response of pages(connection, scope, path)) {
    if (isMissing(response)) return [];
    if (response.status !== 200) throw await connection.refusal(response, scope);
    for (const tag of readTags(response)) tags.add(tag);
  }
  return [...tags].sort();
}

/**
 * Lists all repositories by distribution's catalog, which the specification does not have; none where the registry has no such
 * list, or not for this user.
 *
 * @throws Outage when it cannot be reached.
 */
export async function listRepositories(connection: RegistryConnection): Promise<string[]> {
  const scope: Scope = { action: "pull", repository: "" };
  const names = new Set<string>();
  try {
    for await (const response of pages(connection, scope, `/v2/_catalog?n=${pageSize}`)) {
      const { repositories } = fields(parseJson(response.body) ?? {});
      if (response.status !== 200 || !Array.isArray(repositories)) return [];
      for (const name of repositories) names.add(String(name));
    }
  } catch (error) {
    // Some registries refuse the list to users, and some name pages without end.
    if (error instanceof RegistryFailure && !(error instanceof Outage)) return [];
    throw error;
  }
  return [...names].sort();
}

function readTags(response: RegistryResponse): readonly string[] {
  const { tags } = fields(parseJson(response.body) ?? {});
  // A registry in Go may write an empty list as null.
  if (tags === null) return [];
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === "string")) return tags;
  const type = contentType(response) || "no content type";
  throw new RegistryFailure(`the answer (200, ${type}) is no list of tags; ${checkAddress}`);
}

/**
 * Lists the referrers of a manifest; undefined where the registry does not have the referrers API.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
 */
export async function listReferrers(
  connection: RegistryConnection,
  scope: Scope,
  digest: string,
): Promise<Descriptor[] | undefined> {
  const path = pathIn(scope, "referrers", digest);
  const found: Descriptor[] = [];
  for await (const response of pages(connection, scope, path, false)) {
    const { manifests } = fields(parseJson(response.body) ?? {});
    const isList = contentType(response) === imageIndexType && Array.isArray(manifests);
    // Registries without this API answer in many ways; GHCR redirects to a page of another host.
    if (response.status !== 200 || !isList) return undefined;
    found.push(...manifests.map(readDescriptor));
  }
  return found.filter((descriptor) => isDigest(descriptor.digest));
}

/** Requests a path and each page that a response names as the next. */
async function* pages(
  connection: RegistryConnection,
  scope: Scope,
  path: string,
  follow = true,
): AsyncIterable<RegistryResponse> {
  const seen = new Set<string>();
  for (let to: string | URL | undefined = path; to !== undefined;) {
    const response: RegistryResponse = await connection.send({ scope, method: "GET", to, follow });
    yield response;
    const next = connection.server.reference(nextOf(response), response);
    if (next && seen.has(next.href))
      throw new RegistryFailure(
        `the registry names ${next.pathname}${next.search} as its next page twice; look into its log`,
      );
    if (next) seen.add(next.href);
    to = next;
  }
}

/** Address of the next page in the `Link` header. */
function nextOf({ headers }: RegistryResponse): string | undefined {
  const { link } = headers;
  const text = Array.isArray(link) ? link.join(", ") : (link ?? "");
  return /<([^>]*)>[^,]*;\s*rel="?next"?/i.exec(text)?.[1];
}
