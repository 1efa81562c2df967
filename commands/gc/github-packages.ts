import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../../delivery/basics/input-error.ts";
import { fields, parseJson } from "../../delivery/basics/json-fields.ts";
import type { Manifest } from "../../delivery/registry/types.ts";
import { ManifestReader } from "./manifest-reader.ts";
import type { Registry } from "./registry.ts";
import type { Store } from "./store.ts";

/** Registry that deletes through GitHub's API only. */
export const githubHost = "ghcr.io";

/** How {@link GithubPackages} reaches GitHub. */
export interface GithubOptions {
  /** Has the token, and the API's address where it is another one. @default process.env */
  readonly env?: NodeJS.ProcessEnv;
  /** First pause before a request is repeated; each further one is twice as long. @default 1 s */
  readonly backOffMs?: number;
}

interface Version {
  readonly id: number;
  readonly digest: string;
  readonly tags: readonly string[];
  /** Milliseconds since 1970; NaN where GitHub does not say. */
  readonly updated: number;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

const pageSize = 100;
const mostTries = 4;
const timeoutMs = 30_000;
/** No build takes longer from its first push to the tag or the state that holds it. */
const longestBuildMs = 24 * 60 * 60 * 1000;
const rights = "a classic one with read:packages and delete:packages of an administrator of them";

/**
 * The container packages of GitHub, whose registry deletes nothing itself: a version is one manifest with its tags, and
 * goes only as a whole. All versions are listed, so what no tag leads to is found as well.
 */
export class GithubPackages implements Store {
  public readonly deletesTags = false;
  public readonly afterwards = "GitHub can restore a deleted version for 30 days";
  private readonly api: string;
  private readonly token: string;
  private readonly backOffMs: number;
  private readonly reader: ManifestReader;
  private readonly versions = new Map<string, Version[]>();
  private readonly scopes = new Map<string, Promise<string>>();

  /** @throws InputError without a token. */
  public constructor(
    registry: Registry,
    { env = process.env, backOffMs = 1000 }: GithubOptions = {},
  ) {
    this.reader = new ManifestReader(registry, false);
    this.api = (env["GITHUB_API_URL"] ?? "https://api.github.com").replace(/\/+$/, "");
    const tokens = [env["TINYOLLY_REGISTRY_TOKEN"], env["GITHUB_TOKEN"]];
    this.token = tokens.find((token) => (token ?? "") !== "") ?? "";
    this.backOffMs = backOffMs;
    if (this.token === "") {
      throw new InputError(
        `${githubHost} lists and deletes versions through GitHub's API only; set GITHUB_TOKEN to a token, ${rights}`,
      );
    }
  }

  public async repositories(namespace: string): Promise<string[]> {
    const { owner } = split(`${namespace}/`);
    const path = `${await this.scope(owner)}/packages?package_type=container`;
    const names = (await this.list(path)).map((one) => `${owner}/${String(fields(one)["name"])}`);
    return names.filter((name) => name.startsWith(`${namespace}/`));
  }

  public async tags(repository: string): Promise<Map<string, string>> {
    const found = await this.list(`${await this.path(repository)}/versions`);
    const versions = found.map(readVersion);
    this.versions.set(repository, versions);
    return new Map(
      versions.flatMap(({ digest, tags }) => tags.map((tag) => [tag, digest] as const)),
    );
  }

  public justPushed(repository: string): readonly string[] {
    const since = Date.now() - longestBuildMs;
    const versions = this.versions.get(repository) ?? [];
    return versions.filter(({ updated }) => !(updated < since)).map(({ digest }) => digest);
  }

  public async manifests(
    repository: string,
    digests: Iterable<string>,
  ): Promise<Map<string, Manifest>> {
    const known = this.versions.get(repository) ?? [];
    return this.reader.withRelatives(repository, [
      ...known.map(({ digest }) => digest),
      // The list may lag behind the registry.
      ...digests,
    ]);
  }

  public async remove(repository: string, reference: string): Promise<string | undefined> {
    const version = this.versions.get(repository)?.find(({ digest }) => digest === reference);
    if (!version) return undefined;
    const path = `${await this.path(repository)}/versions/${version.id}`;
    const answer = await this.send("DELETE", path);
    if (answer.status === 204) return undefined;
    const said = messageOf(answer);
    if (answer.status === 400 && /last (?:tagged )?version/i.test(said))
      return "GitHub keeps the last version of a package that has a tag; delete the package there if it is not needed";
    if (answer.status === 400 && /downloads/i.test(said))
      return "GitHub keeps public versions with more than 5000 downloads; only its support deletes them";
    // Without the rights, GitHub says that there is no such version.
    if (answer.status === 404 && (await this.send("GET", path)).status === 404) return undefined;
    throw refusal(answer, path);
  }

  private async path(repository: string): Promise<string> {
    const { owner, name } = split(repository);
    return `${await this.scope(owner)}/packages/container/${encodeURIComponent(name)}`;
  }

  /** `/orgs/<owner>` of an organization, `/users/<owner>` of a person. */
  private scope(owner: string): Promise<string> {
    const known = this.scopes.get(owner) ?? this.askScope(owner);
    this.scopes.set(owner, known);
    return known;
  }

  private async askScope(owner: string): Promise<string> {
    const path = `/users/${encodeURIComponent(owner)}`;
    const answer = await this.send("GET", path);
    if (answer.status !== 200) throw refusal(answer, path);
    const isOrganization = fields(answer.body)["type"] === "Organization";
    return `/${isOrganization ? "orgs" : "users"}/${encodeURIComponent(owner)}`;
  }

  /** All pages of a list; nothing of what is not there. */
  private async list(path: string): Promise<unknown[]> {
    const found: unknown[] = [];
    for (let page = 1; ; page++) {
      const query = `${path.includes("?") ? "&" : "?"}per_page=${pageSize}&page=${page}`;
      const answer = await this.send("GET", `${path}${query}`);
      if (answer.status === 404) return found;
      if (answer.status !== 200 || !Array.isArray(answer.body)) throw refusal(answer, path);
      found.push(...(answer.body as unknown[]));
      const more = (answer.headers.get("link") ?? "").includes('rel="next"');
      if (!more && answer.body.length < pageSize) return found;
    }
  }

  private async send(method: "GET" | "DELETE", path: string): Promise<Answer> {
    for (let tries = 1, pause = this.backOffMs; ; tries++, pause *= 2) {
      try {
        const response = await fetch(`${this.api}${path}`, {
          method,
          headers: {
            accept: "application/vnd.github+json",
            authorization: `Bearer ${this.token}`,
            "user-agent": "tinyolly",
            "x-github-api-version": "2022-11-28",
          },
          signal: AbortSignal.timeout(timeoutMs),
        });
        const body = parseJson(Buffer.from(await response.arrayBuffer()));
        const { status, headers } = response;
        if (status < 500 || tries === mostTries) return { status, headers, body };
      } catch (error) {
        if (tries === mostTries) {
          throw new InputError(
            `GitHub's API at ${this.api} cannot be reached (${reasonOf(error)}); try again later, or set GITHUB_API_URL to where it is`,
          );
        }
      }
      await sleep(pause);
    }
  }
}

/** Owner and package of a repository such as `owner/tinyolly/webui`. */
function split(repository: string): { owner: string; name: string } {
  const [owner = "", ...rest] = repository.split("/");
  return { owner, name: rest.join("/") };
}

function readVersion(version: unknown): Version {
  const { id, name, metadata, updated_at: updated } = fields(version);
  const { tags } = fields(fields(metadata)["container"]);
  return {
    id: Number(id),
    digest: String(name),
    tags: Array.isArray(tags) ? tags.map(String) : [],
    updated: Date.parse(String(updated)),
  };
}

function messageOf({ body }: Answer): string {
  const { message } = fields(body);
  return typeof message === "string" ? message : "no reason given";
}

function refusal(answer: Answer, path: string): InputError {
  const { status, headers } = answer;
  const said = `GitHub answered ${status} (${messageOf(answer)}) for ${path.split("?")[0] ?? path}`;
  const limited = status === 429 || headers.get("x-ratelimit-remaining") === "0";
  const reset = Number(headers.get("x-ratelimit-reset"));
  if (limited && reset > 0)
    return new InputError(`${said}; ask again after ${new Date(reset * 1000).toISOString()}`);
  if (limited) return new InputError(`${said}; ask again later`);
  return new InputError(
    [401, 403, 404].includes(status)
      ? `${said}; set GITHUB_TOKEN to another token, ${rights}`
      : `${said}; try again later`,
  );
}

/** Why a request failed: fetch hides it in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
