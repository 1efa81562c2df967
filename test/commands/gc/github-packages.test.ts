import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { clean } from "../../../commands/gc/clean.ts";
import { GithubPackages } from "../../../commands/gc/github-packages.ts";
import type { Registry } from "../../../commands/gc/registry.ts";
import { makeReport, renderReport } from "../../../commands/gc/report.ts";
import { makeSurvey } from "../../../commands/gc/survey.ts";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../../delivery/registry/client.ts";
import { sendJson } from "../../fake-registry-answers.ts";
import { pushImage, pushIndex, pushReferrer } from "./artifacts.ts";
import { DeletableRegistry } from "./deletable-registry.ts";

interface Version {
  readonly id: number;
  readonly name: string;
  readonly tags: string[];
  readonly updated: string;
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
}

const longAgo = "2020-01-01T00:00:00Z";
const lastTagged =
  "You cannot delete the last tagged version of a package. You must delete the package instead.";
const downloads =
  "Publicly visible package versions with more than 5000 downloads cannot be deleted. Contact GitHub support for further assistance.";

/** GitHub's API in this process, with the versions of each package by its path after the owner. */
class FakeGithub {
  public readonly packages = new Map<string, Version[]>();
  public readonly requests: Request[] = [];
  public kind = "Organization";
  /** Answers a request its own way; false leaves it to the API. */
  public behaviour: (request: Request, response: http.ServerResponse) => boolean = () => false;
  private next = 1;
  private readonly server = http.createServer((incoming, response) => {
    const { method = "", url = "", headers } = incoming;
    const request = { method, url, headers };
    this.requests.push(request);
    if (!this.behaviour(request, response)) this.answer(method, url, response);
  });

  public async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    // A server that listens on a port has such an address.
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  public add(name: string, digest: string, tags: string[], updated = longAgo): number {
    const version = { id: this.next++, name: digest, tags, updated };
    this.packages.set(name, [...(this.packages.get(name) ?? []), version]);
    return version.id;
  }

  private answer(method: string, url: string, response: http.ServerResponse): void {
    const { pathname, searchParams } = new URL(url, "http://github");
    if (pathname === "/users/Owner") {
      sendJson(response, 200, { login: "Owner", type: this.kind });
      return;
    }
    const base = this.kind === "Organization" ? "/orgs/Owner/packages" : "/users/Owner/packages";
    if (pathname === base) {
      const names = [...this.packages.keys()].map((name) => ({ name }));
      sendPage(response, url, names, searchParams);
      return;
    }
    const [, encoded = "", id] =
      new RegExp(`^${base}/container/([^/]+)/versions(?:/(\\d+))?$`).exec(pathname) ?? [];
    const versions = this.packages.get(decodeURIComponent(encoded));
    const version = versions?.find((each) => String(each.id) === id);
    if (!versions || (id !== undefined && !version)) {
      sendJson(response, 404, { message: "Package not found." });
    } else if (method === "DELETE" && version) {
      const tagged = versions.filter(({ tags }) => tags.length > 0);
      if (version.tags.length > 0 && tagged.length === 1) {
        sendJson(response, 400, { message: lastTagged });
      } else {
        versions.splice(versions.indexOf(version), 1);
        response.writeHead(204).end();
      }
    } else if (version) sendJson(response, 200, { id: version.id });
    else {
      const all = versions.map((each) => ({
        id: each.id,
        name: each.name,
        updated_at: each.updated,
        metadata: { package_type: "container", container: { tags: each.tags } },
      }));
      sendPage(response, url, all, searchParams);
    }
  }
}

/** Sends a page of a list, and links to the next one. */
function sendPage(
  response: http.ServerResponse,
  url: string,
  all: readonly unknown[],
  query: URLSearchParams,
): void {
  const [page, size] = [Number(query.get("page")), Number(query.get("per_page"))];
  const next = new URL(url, "http://github");
  next.searchParams.set("page", String(page + 1));
  const more = all.length > page * size;
  const link = { link: `<${next.href}>; rel="next"` };
  sendJson(response, 200, all.slice((page - 1) * size, page * size), more ? link : {});
}

const repository = "Owner/space/web";
let github: FakeGithub;
let api: string;
let registry: DeletableRegistry;
let client: Registry;

beforeEach(async () => {
  github = new FakeGithub();
  api = await github.start();
  registry = await DeletableRegistry.start({ deletes: false });
  client = new RegistryClient({ host: registry.host, tls: "plain-http" });
  onTestFinished(() => {
    client.close();
    return registry.close();
  });
});

function store(env: NodeJS.ProcessEnv = { GITHUB_TOKEN: "secret" }): GithubPackages {
  return new GithubPackages(client, { env: { GITHUB_API_URL: `${api}/`, ...env }, backOffMs: 1 });
}

/** Pushes an image to the registry, of which GitHub makes a version. */
async function image(text: string, ...tags: string[]): Promise<string> {
  const digest = await pushImage(registry, { repository }, "os", text);
  github.add("space/web", digest, tags);
  return digest;
}

/** Cleans the package, with the digests that are in use. */
async function cleanPackage(used: readonly string[], packages = store()) {
  const roots = used.map((reference) => ({ repository, reference, by: "stack prod" }));
  const survey = await makeSurvey({
    store: packages,
    registry: client,
    namespace: "Owner/space",
    repositories: [repository],
    roots,
  });
  const cleaning = await clean({
    store: packages,
    survey,
    roots,
    readRoots: () => Promise.resolve(roots),
    onDeleted: () => undefined,
  });
  return { survey, cleaning };
}

function left(): string[] {
  return (github.packages.get("space/web") ?? []).map(({ name }) => name).sort();
}

describe("packages of GitHub", () => {
  test("are found by their namespace, page by page, for organizations and for persons", async () => {
    for (let count = 0; count < 250; count++) github.packages.set(`space/p${count}`, []);
    github.packages.set("spaceship", []);
    github.packages.set("other/space", []);
    expect(await store().repositories("Owner/space")).toHaveLength(250);
    expect(github.requests.map(({ url }) => url)).toEqual([
      "/users/Owner",
      ...[1, 2, 3].map(
        (page) => `/orgs/Owner/packages?package_type=container&per_page=100&page=${page}`,
      ),
    ]);
    github.kind = "User";
    github.requests.length = 0;
    expect(await store().repositories("Owner/space")).toHaveLength(250);
    expect(github.requests[1]?.url).toMatch(/^\/users\/Owner\/packages\?/);
  });

  test("tell their tags, with a slash in their name and a token that is sent nowhere else", async () => {
    const digest = await image("one", "v1", "latest");
    expect(await store().tags(repository)).toEqual(
      new Map([
        ["v1", digest],
        ["latest", digest],
      ]),
    );
    const [, asked] = github.requests;
    expect(asked?.url).toBe(
      "/orgs/Owner/packages/container/space%2Fweb/versions?per_page=100&page=1",
    );
    expect(asked?.headers).toMatchObject({
      accept: "application/vnd.github+json",
      authorization: "Bearer secret",
      "x-github-api-version": "2022-11-28",
    });
    expect(await store().tags("Owner/space/nothing")).toEqual(new Map());
  });

  test("go by version, with the orphans that no tag leads to", async () => {
    const used = await image("used", "v2");
    const orphan = await image("orphan");
    await image("old", "v1", "also-v1");
    const part = await image("part");
    const index = await pushIndex(registry, { repository }, part, used);
    github.add("space/web", index, ["v0"]);
    const signature = await pushReferrer(registry, { repository }, used, "signed");
    github.add("space/web", signature, []);
    const about = await pushReferrer(registry, { repository }, orphan, "signed");
    github.add("space/web", about, []);

    const { cleaning } = await cleanPackage([used]);
    expect(left()).toEqual([used, signature].sort());
    expect(cleaning.deleted).toHaveLength(5);
    expect(cleaning.refused).toEqual([]);
    expect(registry.changes).toEqual([]);
  });

  test("keep a version of which one tag is in use, whatever its other tags are", async () => {
    const digest = await image("used", "v2", "latest");
    const { survey, cleaning } = await cleanPackage(["v2"]);
    expect(left()).toEqual([digest]);
    expect(cleaning).toEqual({ deleted: [], refused: [] });
    const sources = { stacks: ["prod"], releases: [], olderReleases: 0, applications: [] };
    const report = makeReport("ghcr.io/Owner/space", sources, survey, cleaning);
    expect(renderReport(report, "")).toContain(
      "Owner/space/web:latest is not in use and stays, since this registry cannot delete a tag alone and its manifest stays for stack prod\n",
    );
  });

  test("keep the parts of what is in use, even where GitHub does not list that yet", async () => {
    const shared = await image("shared");
    const fresh = await pushIndex(registry, { repository }, shared);
    const old = await pushIndex(registry, { repository }, shared, await image("other"));
    github.add("space/web", old, []);
    await cleanPackage([fresh]);
    expect(left()).toEqual([shared]);
  });

  test("keep what was pushed within a day, which may be on its way into an index", async () => {
    const digest = await pushImage(registry, { repository }, "new");
    github.add("space/web", digest, [], new Date(Date.now() - 23 * 3_600_000).toISOString());
    const unknown = await pushImage(registry, { repository }, "unknown");
    github.add("space/web", unknown, [], "");
    const older = await pushImage(registry, { repository }, "older");
    github.add("space/web", older, [], new Date(Date.now() - 25 * 3_600_000).toISOString());
    const { survey } = await cleanPackage([]);
    expect(left()).toEqual([digest, unknown].sort());
    expect(survey.garbage.kept[0]?.by).toEqual(["a push of the last 24 hours"]);
  });
});

describe("GitHub keeps, with a reason,", () => {
  test("the last version with a tag, and what that needs", async () => {
    const part = await image("part");
    const index = await pushIndex(registry, { repository }, part);
    github.add("space/web", index, ["v1"]);
    const { cleaning } = await cleanPackage([]);
    expect(left()).toEqual([index, part].sort());
    expect(cleaning.refused.map(({ reason }) => reason)).toEqual([
      "GitHub keeps the last version of a package that has a tag; delete the package there if it is not needed",
      "something that the registry keeps needs it",
    ]);
  });

  test("public versions with many downloads", async () => {
    await image("used", "v2");
    const old = await image("old", "v1");
    github.behaviour = ({ method }, response) => {
      if (method !== "DELETE") return false;
      sendJson(response, 400, { message: downloads });
      return true;
    };
    const { cleaning } = await cleanPackage(["v2"]);
    expect(left()).toContain(old);
    expect(cleaning.refused).toMatchObject([
      {
        reason:
          "GitHub keeps public versions with more than 5000 downloads; only its support deletes them",
      },
    ]);
  });
});

describe("a version that is gone already", () => {
  test("is fine", async () => {
    await image("used", "v2");
    await image("old");
    github.behaviour = ({ method }) => {
      if (method === "DELETE") github.packages.get("space/web")?.splice(1);
      return false;
    };
    expect((await cleanPackage(["v2"])).cleaning).toMatchObject({ deleted: [{}], refused: [] });
  });

  test("was never there", async () => {
    expect(await store().remove(repository, "sha256:0")).toBeUndefined();
    expect(github.requests).toEqual([]);
  });
});

describe("GitHub's API", () => {
  test("is asked again where it fails by chance", async () => {
    const digest = await image("one", "v1");
    let failures = 0;
    github.behaviour = (_, response) => {
      if (++failures > 3) return false;
      if (failures === 1) response.destroy();
      else sendJson(response, 502, {});
      return true;
    };
    expect(await store().tags(repository)).toEqual(new Map([["v1", digest]]));
  });

  const rights = "a classic one with read:packages and delete:packages of an administrator of them";

  test.each<
    [what: string, status: number, headers: Readonly<Record<string, string>>, message: string]
  >([
    [
      "does not know the token",
      401,
      {},
      `GitHub answered 401 (told so) for /users/Owner; set GITHUB_TOKEN to another token, ${rights}`,
    ],
    [
      "has been asked too often",
      403,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000000" },
      "GitHub answered 403 (told so) for /users/Owner; ask again after 2027-01-15T08:00:00.000Z",
    ],
    [
      "is asked too fast",
      429,
      {},
      "GitHub answered 429 (told so) for /users/Owner; ask again later",
    ],
    [
      "is broken for long",
      503,
      {},
      "GitHub answered 503 (told so) for /users/Owner; try again later",
    ],
  ])("says what to do when it %s", async (_, status, headers, message) => {
    github.behaviour = (__, response) => {
      sendJson(response, status, { message: "told so" }, headers);
      return true;
    };
    await expect(store().tags(repository)).rejects.toThrow(new InputError(message));
  });

  test("says what to do when the token may not delete", async () => {
    await image("used", "v2");
    await image("old");
    github.behaviour = ({ method }, response) => {
      if (method !== "DELETE") return false;
      sendJson(response, 404, { message: "Package not found." });
      return true;
    };
    await expect(cleanPackage(["v2"])).rejects.toThrow(
      new InputError(
        `GitHub answered 404 (Package not found.) for /orgs/Owner/packages/container/space%2Fweb/versions/2; set GITHUB_TOKEN to another token, ${rights}`,
      ),
    );
  });

  test("needs a token, of which the registry's own goes first", async () => {
    for (const env of [{}, { GITHUB_TOKEN: "", TINYOLLY_REGISTRY_TOKEN: "" }]) {
      expect(() => store({ GITHUB_API_URL: api, ...env })).toThrow(
        new InputError(
          `ghcr.io lists and deletes versions through GitHub's API only; set GITHUB_TOKEN to a token, ${rights}`,
        ),
      );
    }
    await store({ GITHUB_TOKEN: "one", TINYOLLY_REGISTRY_TOKEN: "two" }).tags(repository);
    expect(github.requests[0]?.headers.authorization).toBe("Bearer two");
  });

  test("may be out of reach", async () => {
    const away = "http://127.0.0.1:1";
    await expect(
      store({ GITHUB_TOKEN: "secret", GITHUB_API_URL: away }).tags(repository),
    ).rejects.toThrow(
      /^GitHub's API at http:\/\/127\.0\.0\.1:1 cannot be reached \(.+\); try again later, or set GITHUB_API_URL to where it is$/,
    );
  });
});
