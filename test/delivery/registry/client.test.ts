import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import type { RegistryClient } from "../../../delivery/registry/client.ts";
import { artifact, emptyDescriptor } from "../../../delivery/registry/oci.ts";
import type { Tls } from "../../../delivery/registry/references.ts";
import type { RegistryClientOptions, Credentials } from "../../../delivery/registry/types.ts";
import {
  type Behaviour,
  type FakeRegistryOptions,
  mediaTypes,
  sendJson,
} from "../../fake-registry-answers.ts";
import {
  type FakeRegistry,
  indexOf,
  manifestOf,
  selfSigned,
  startRegistry,
} from "../../fake-registry.ts";
import { folderWith } from "../../folders.ts";
import {
  clientOf,
  content,
  first,
  html,
  messageOf,
  paths,
  reset,
  status,
} from "../../registry-questions.ts";

const manifest = manifestOf("one");
const digest = `sha256:${sha256(JSON.stringify(manifest))}`;
const other = `sha256:${sha256("other")}`;
const user: Credentials = { username: "olly", password: "s3cret" };
const userHeader = `Basic ${Buffer.from("olly:s3cret").toString("base64")}`;
const certificate = selfSigned();

/** A registry with `a/web:v1`, closed after the test. */
async function serve(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry({ manifests: { "a/web:v1": manifest }, ...options });
  onTestFinished(() => registry.close());
  return registry;
}

describe("answers", () => {
  test("a manifest has its digest, media type and size, by tag and by digest", async () => {
    const registry = await serve();
    const client = clientOf(registry);
    const config = {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: `sha256:${sha256("{}")}`,
      size: 7,
    };
    const layer = {
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest: `sha256:${sha256("one")}`,
      size: 35,
    };
    const expected = {
      digest,
      mediaType: mediaTypes.manifest,
      bytes: Buffer.from(JSON.stringify(manifest)),
      annotations: {},
      children: [],
      layers: [layer.digest],
      config,
      blobs: [config, layer],
      size: 42,
    };
    expect(await client.getManifest("a/web", "v1")).toEqual(expected);
    expect(await client.getManifest("a/web", digest)).toEqual(expected);
    expect(paths(registry)).toEqual([
      "GET /v2/a/web/manifests/v1",
      `GET /v2/a/web/manifests/${digest}`,
    ]);
    expect(registry.requests[0]?.headers.accept?.split(", ")).toEqual([
      "application/vnd.oci.image.manifest.v1+json",
      "application/vnd.docker.distribution.manifest.v2+json",
      "application/vnd.oci.image.index.v1+json",
      "application/vnd.docker.distribution.manifest.list.v2+json",
    ]);
  });

  test("an index has a child a platform, and attestations have none", async () => {
    const registry = await serve();
    const digests = ["a", "b", "c"].map((text) => `sha256:${sha256(text)}`);
    const [amd = "", arm = "", attestation = ""] = digests;
    const index = indexOf({
      "linux/amd64": amd,
      "linux/arm/v7": arm,
      "unknown/unknown": attestation,
    });
    registry.setManifest("a/web", "many", index, mediaTypes.index);
    const children = (await clientOf(registry).getManifest("a/web", "many"))?.children;
    expect(children).toMatchObject([
      { digest: amd, platform: "linux/amd64" },
      { digest: arm, platform: "linux/arm/v7" },
      { digest: attestation, platform: undefined },
    ]);
    expect(children?.[1]?.descriptor).toEqual({
      mediaType: mediaTypes.manifest,
      digest: arm,
      size: 100,
      platform: { os: "linux", architecture: "arm", variant: "v7" },
    });
  });

  test("an artifact has its type, its annotations and its subject", async () => {
    const registry = await serve();
    const subject = { mediaType: mediaTypes.manifest, digest, size: 9 };
    const { bytes } = artifact({
      artifactType: "application/proof",
      layers: [{ ...emptyDescriptor, annotations: { title: "proof" } }],
      annotations: { by: "olly" },
      subject,
    });
    registry.setManifest("a/web", "proof", bytes.toString());
    expect(await clientOf(registry).getManifest("a/web", "proof")).toMatchObject({
      bytes,
      artifactType: "application/proof",
      annotations: { by: "olly" },
      subject: digest,
      config: emptyDescriptor,
      blobs: [emptyDescriptor, { ...emptyDescriptor, annotations: { title: "proof" } }],
    });
  });

  test("what a registry may leave out is not needed", async () => {
    const client = async (body: string, type: string): Promise<RegistryClient> =>
      clientOf(
        await serve({ behaviour: content(body, type, { "docker-content-digest": "sha512:0" }) }),
      );
    const sizes = await client('{"layers":[{"size":5},{}]}', mediaTypes.manifest);
    expect(await sizes.getManifest("a/web", "v1")).toMatchObject({ size: 5 });
    const children = await client(`{"manifests":[{"digest":"${digest}"}]}`, mediaTypes.index);
    expect((await children.getManifest("a/web", "v1"))?.children).toEqual([
      { digest, platform: undefined, descriptor: { mediaType: "", digest, size: 0 } },
    ]);
  });

  test("existence is asked without the body", async () => {
    const registry = await serve();
    expect(await clientOf(registry).hasManifest("a/web", digest)).toBe(true);
    expect(paths(registry)).toEqual([`HEAD /v2/a/web/manifests/${digest}`]);
  });

  test("what is not there is missing, not an error", async () => {
    const registry = await serve();
    const client = clientOf(registry);
    expect(await client.getManifest("a/web", "v2")).toBeUndefined();
    expect(await client.getManifest("a/nothing", "v1")).toBeUndefined();
    expect(await client.hasManifest("a/web", other)).toBe(false);
    expect(registry.requests).toHaveLength(3);
  });

  test("400 questions go over eight connections", async () => {
    const sockets = new Set<unknown>();
    const registry = await serve({
      behaviour: (_, response) => {
        sockets.add(response.socket);
        return false;
      },
    });
    const client = clientOf(registry);
    const answers = await Promise.all(
      Array.from({ length: 400 }, () => client.hasManifest("a/web", digest)),
    );
    expect(answers.filter(Boolean)).toHaveLength(400);
    expect(registry.requests).toHaveLength(400);
    expect(sockets.size).toBe(8);
  });
});

test.each<[what: string, ask: (client: RegistryClient) => Promise<unknown>, path: string]>([
  ["a manifest", (client) => client.getManifest("a/../b", "v1"), "a/../b/manifests/v1"],
  ["a tag", (client) => client.getManifest("a/web", "../v1"), "a/web/manifests/../v1"],
  ["a tag without characters", (client) => client.getManifest("a/web", ""), "a/web/manifests/"],
  ["existence", (client) => client.hasManifest("a//web", digest), `a//web/manifests/${digest}`],
  ["tags", (client) => client.listTags("a/./web"), "a/./web/tags/list"],
  ["referrers", (client) => client.listReferrers("..", digest), `../referrers/${digest}`],
  ["a deletion", (client) => client.deleteManifest("a/%2E%2e/b", "v1"), "a/%2E%2e/b/manifests/v1"],
  ["a blob", (client) => client.hasBlob("a/../b", digest), `a/../b/blobs/${digest}`],
  [
    "a blob to read",
    (client) => client.getBlob("a/../b", { mediaType: "", digest, size: 1 }),
    `a/../b/blobs/${digest}`,
  ],
  ["an upload", (client) => client.checkPush("a/web?x"), "a/web?x/blobs/uploads/"],
])("%s of a path that leads elsewhere is not asked for", async (_, ask, path) => {
  const registry = await serve();
  await expect(ask(clientOf(registry))).rejects.toThrow(
    `its path "/v2/${path}" has segments that are empty, "." or "..", or characters that no name has; correct what refers to it`,
  );
  expect(registry.requests).toEqual([]);
});

describe("misbehaviour", () => {
  const address = "check registryPush and registryPushTls";
  const skip = "set TINYOLLY_OFFLINE=1 for a preview that does not ask it";
  const start = `start the registry (make platform-up for the local one), or ${skip}`;
  const login =
    "run docker login HOST as a user or with a token that may pull from there (on GHCR: read:packages)";
  const noManifest = `the answer (200, ${mediaTypes.manifest}) is no manifest; ${address}`;
  const damaged = "its store or a proxy before it is damaged, so mend that, and push again";

  const table: [string, Behaviour, problem: string, requests: number][] = [
    [
      "401 that does not say how to log in",
      status(401),
      `the registry answered 401 Unauthorized, and Docker's configuration has no credentials for it; ${login}`,
      1,
    ],
    [
      "401 that wants a password where there is none",
      status(401, { "www-authenticate": 'Basic realm="registry"' }),
      "the registry wants a user name and a password, which Docker's configuration does not have for it; run docker login HOST",
      1,
    ],
    [
      "403",
      status(403),
      `the registry answered 403 Forbidden, and Docker's configuration has no credentials for it; ${login}`,
      1,
    ],
    [
      "400",
      status(400),
      `the registry answered 400 Bad Request with application/json, as no registry does; ${address}`,
      1,
    ],
    [
      "429 for ever",
      status(429),
      `the registry answered 429 Too Many Requests; ask again later, run docker login, which raises most limits, or ${skip}`,
      4,
    ],
    [
      "429 for an hour, in seconds",
      status(429, { "retry-after": "3600" }),
      `the registry answered 429 Too Many Requests; ask again after TIME, run docker login, which raises most limits, or ${skip}`,
      1,
    ],
    [
      "429 for an hour, as a date",
      status(429, { "retry-after": new Date(Date.now() + 3_600_000).toUTCString() }),
      `the registry answered 429 Too Many Requests; ask again after TIME, run docker login, which raises most limits, or ${skip}`,
      1,
    ],
    [
      "429 until a date that has passed, for ever",
      status(429, { "retry-after": new Date(0).toUTCString() }),
      `the registry answered 429 Too Many Requests; ask again later, run docker login, which raises most limits, or ${skip}`,
      4,
    ],
    [
      "500 for ever",
      status(500),
      `the registry answered 500 Internal Server Error; ask again later, look into its log, or ${skip}`,
      4,
    ],
    [
      "503 for an hour",
      status(503, { "retry-after": "3600" }),
      `the registry answered 503 Service Unavailable; ask again after TIME, look into its log, or ${skip}`,
      1,
    ],
    [
      "a connection that is reset for ever",
      reset,
      `the registry closed the connection without an answer; ${address}`,
      4,
    ],
    [
      "half an answer that is reset for ever",
      (_, response) => {
        response.writeHead(200, { "content-type": mediaTypes.manifest });
        response.write("{", () => response.socket?.destroy());
        return true;
      },
      `the registry closed the connection without an answer; ${address}`,
      4,
    ],
    [
      "a web page",
      (_, response) => html(response, 200),
      `the answer (200, text/html) is no manifest; ${address}`,
      1,
    ],
    [
      "a web page that says 404",
      (_, response) => html(response, 404),
      `the registry answered 404 Not Found with text/html; charset=utf-8, as no registry does; ${address}`,
      1,
    ],
    [
      "another media type",
      content(JSON.stringify(manifest), "application/json"),
      `the answer (200, application/json) is no manifest; ${address}`,
      1,
    ],
    ["invalid JSON", content("{"), noManifest, 1],
    ["JSON that is no object", content("null"), noManifest, 1],
    ["a manifest without layers", content("{}"), noManifest, 1],
    [
      "an index without manifests",
      content(JSON.stringify(manifest), mediaTypes.index),
      `the answer (200, ${mediaTypes.index}) is no manifest; ${address}`,
      1,
    ],
    [
      "an index with a child without digest",
      content('{"manifests":[{}]}', mediaTypes.index),
      `the answer (200, ${mediaTypes.index}) is no manifest; ${address}`,
      1,
    ],
    [
      "an index with a child whose digest is none",
      content('{"manifests":[{"digest":"sha256:../../token"}]}', mediaTypes.index),
      `the answer (200, ${mediaTypes.index}) is no manifest; ${address}`,
      1,
    ],
    [
      "another digest than it says",
      content(JSON.stringify(manifest), mediaTypes.manifest, { "docker-content-digest": other }),
      `the registry sent ${digest} for ${other}; ${damaged}`,
      1,
    ],
    [
      "over 8 MiB",
      content(" ".repeat(8 * 1024 * 1024 + 1)),
      `HOST answered with over 8 MiB, as no registry does; ${address}`,
      1,
    ],
    [
      "redirects for ever",
      status(307, { location: "/v2/again" }),
      `the registry answered 307 Temporary Redirect after 3 redirects; ${address}`,
      4,
    ],
    [
      "a redirect to nowhere",
      status(307, { location: "http://" }),
      `the registry answered 307 Temporary Redirect after 0 redirects; ${address}`,
      1,
    ],
  ];
  test.each(table)("%s is an error", async (_, behaviour, problem, requests) => {
    const registry = await serve({ behaviour });
    const question = clientOf(registry).getManifest("a/web", "v1");
    expect(await messageOf(question, registry)).toBe(`HOST/a/web:v1 could not be read: ${problem}`);
    expect(registry.requests).toHaveLength(requests);
  });

  test("other bytes than those of the digest are an error", async () => {
    const registry = await serve({ behaviour: content(JSON.stringify(manifest)) });
    expect(await messageOf(clientOf(registry).getManifest("a/web", other), registry)).toBe(
      `HOST/a/web@${other} could not be read: the registry sent ${digest} for ${other}; ${damaged}`,
    );
  });

  const heads: [string, Behaviour, string][] = [
    ["a web page", (_, response) => html(response, 200), "(200, text/html) is no manifest"],
    [
      "another digest",
      content("", mediaTypes.manifest, { "docker-content-digest": other }),
      `the registry sent ${other} for ${digest}`,
    ],
  ];
  test.each(heads)("existence is not believed to %s", async (_, behaviour, message) => {
    const registry = await serve({ behaviour });
    expect(await messageOf(clientOf(registry).hasManifest("a/web", digest), registry)).toContain(
      message,
    );
  });

  const passing: [string, Behaviour][] = [
    ["500", status(500)],
    ["429", status(429)],
    ["429 that may be asked again at once", status(429, { "retry-after": "0" })],
    ["429 until a date that has passed", status(429, { "retry-after": new Date(0).toUTCString() })],
    ["429 with a senseless Retry-After", status(429, { "retry-after": "soon" })],
    ["a connection that is reset", reset],
  ];
  test.each(passing)("%s, three times, is waited out", async (_, behaviour) => {
    const registry = await serve({ behaviour: first(3, behaviour) });
    expect(await clientOf(registry).getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(registry.requests).toHaveLength(4);
  });

  test("Retry-After is waited for", async () => {
    const registry = await serve({ behaviour: first(1, status(429, { "retry-after": "1" })) });
    const started = performance.now();
    expect(await clientOf(registry).getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(performance.now() - started).toBeGreaterThan(990);
  });

  test("each pause is twice as long as the one before", async () => {
    const registry = await serve({ behaviour: status(500) });
    const started = performance.now();
    await messageOf(clientOf(registry, { backOffMs: 30 }).getManifest("a/web", "v1"), registry);
    expect(performance.now() - started).toBeGreaterThan(30 + 60 + 120 - 5);
  });

  const half: Behaviour = (_, response) => {
    response.writeHead(200, { "content-type": mediaTypes.manifest }).write("{");
    return true;
  };
  const hangs: [string, Behaviour, RegistryClientOptions][] = [
    ["no answer within a request's time", () => true, { timeoutMs: 200 }],
    ["no answer within the question's time", () => true, { deadlineMs: 200 }],
    ["half an answer", half, { timeoutMs: 200 }],
  ];
  test.each(hangs)("%s is an error", async (_, behaviour, limits) => {
    const registry = await serve({ behaviour });
    expect(await messageOf(clientOf(registry, limits).getManifest("a/web", "v1"), registry)).toBe(
      `HOST/a/web:v1 could not be read: HOST did not answer within 0.2 s; ${start}`,
    );
  });

  test("an outage also ends the questions that wait for their turn", async () => {
    const registry = await serve({ behaviour: () => true });
    const client = clientOf(registry, { timeoutMs: 300 });
    const messages = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        messageOf(client.getManifest("a/web", `v${index}`), registry),
      ),
    );
    expect(messages[99]).toBe(
      `HOST/a/web:v99 could not be read: HOST did not answer within 0.3 s; ${start}`,
    );
    expect(registry.requests).toHaveLength(8);
  });

  test("a refusal does not end the questions that wait for their turn", async () => {
    const registry = await serve({
      behaviour: (request, response, count) =>
        request.path.includes("/closed/") && status(403)(request, response, count),
    });
    const client = clientOf(registry);
    const closed = Array.from({ length: 8 }, () => client.getManifest("a/closed/web", "v1"));
    const open = client.getManifest("a/web", "v1");
    expect((await Promise.allSettled(closed)).map((outcome) => outcome.status)).toEqual(
      closed.map(() => "rejected"),
    );
    expect(await open).toMatchObject({ digest });
  });

  test("a port without a listener, and hosts without a name, near and far, are named", async () => {
    const gone = await serve();
    await gone.close();
    expect(await messageOf(clientOf(gone).getManifest("a/web", "v1"), gone)).toBe(
      `HOST/a/web:v1 could not be read: nothing listens at HOST (ECONNREFUSED); ${start}`,
    );
    const stopped = { host: "registry.stopped.test:5000" };
    expect(await messageOf(clientOf(stopped).getManifest("a/web", "v1"), stopped)).toMatch(
      /the name registry\.stopped\.test is not known \((ENOTFOUND|EAI_AGAIN)\); start the registry \(make platform-up/,
    );
    const nowhere = { host: "nothing.invalid:5000" };
    expect(await messageOf(clientOf(nowhere).getManifest("a/web", "v1"), nowhere)).toMatch(
      /the name nothing\.invalid is not known \((ENOTFOUND|EAI_AGAIN)\); check the network and registryPush, or set/,
    );
  });

  test("what is no web server is named", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => undefined).end("SSH-2.0-server\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.close();
    });
    const bound = server.address();
    const at = { host: `127.0.0.1:${typeof bound === "object" && bound ? bound.port : 0}` };
    expect(await messageOf(clientOf(at).getManifest("a/web", "v1"), at)).toBe(
      `HOST/a/web:v1 could not be read: HOST does not speak HTTP (HPE_INVALID_CONSTANT); ${address}`,
    );
  });

  test("Docker Hub is asked at the host of its registry", async () => {
    const hub = { host: "docker.io" };
    const question = clientOf(hub, { tls: "verify", timeoutMs: 1 }).getManifest("library/a", "v1");
    expect(await messageOf(question, { host: "registry-1.docker.io" })).toMatch(
      /^docker\.io\/library\/a:v1 could not be read: .*HOST/,
    );
  });
});

/** Wants a token, and gives one at `/token`: by default t1, t2 and so on, which it then takes. */
function bearer({
  token = (number: number): unknown => ({ token: `t${number}` }),
  accepts = (authorization: string): boolean => authorization.startsWith("Bearer t"),
  realm = "",
} = {}): Behaviour {
  let tokens = 0;
  return ({ path, headers }, response) => {
    const { host = "", authorization = "" } = headers;
    if (path.startsWith("/token")) {
      sendJson(response, 200, token(++tokens));
      return true;
    }
    if (accepts(authorization)) return false;
    const [, repository = ""] = /^\/v2\/(.+)\/manifests\//.exec(path) ?? [];
    const challenge = `Bearer realm="${realm || `http://${host}/token`}",service="reg",scope="repository:${repository}:pull"`;
    return status(401, { "www-authenticate": challenge })({ ...unused, path }, response, 0);
  };
}

const unused = { method: "", path: "", headers: {}, body: "", bytes: Buffer.alloc(0) };

describe("authentication", () => {
  const authorizations = (registry: FakeRegistry): (string | undefined)[] =>
    registry.requests.map(({ headers }) => headers.authorization);

  test("a token is got without credentials, and kept for its repository", async () => {
    const registry = await serve({ behaviour: bearer() });
    const client = clientOf(registry);
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(await client.hasManifest("a/web", digest)).toBe(true);
    expect(await client.getManifest("b/web", "v1")).toBeUndefined();
    expect(paths(registry)).toEqual([
      "GET /v2/a/web/manifests/v1",
      "GET /token?service=reg&scope=repository%3Aa%2Fweb%3Apull",
      "GET /v2/a/web/manifests/v1",
      `HEAD /v2/a/web/manifests/${digest}`,
      "GET /v2/b/web/manifests/v1",
      "GET /token?service=reg&scope=repository%3Ab%2Fweb%3Apull",
      "GET /v2/b/web/manifests/v1",
    ]);
    expect(authorizations(registry)).toEqual([
      undefined,
      undefined,
      "Bearer t1",
      "Bearer t1",
      undefined,
      undefined,
      "Bearer t2",
    ]);
  });

  test("questions at the same time share one token", async () => {
    const registry = await serve({ behaviour: bearer() });
    const client = clientOf(registry);
    await Promise.all(Array.from({ length: 20 }, () => client.hasManifest("a/web", digest)));
    expect(paths(registry).filter((path) => path.startsWith("GET /token"))).toHaveLength(1);
  });

  test("credentials go to the token service alone", async () => {
    const service = await serve({ behaviour: bearer({ token: () => ({ access_token: "t1" }) }) });
    const registry = await serve({ behaviour: bearer({ realm: `${service.url}/token` }) });
    const client = clientOf(registry, { login: user });
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(authorizations(service)).toEqual([userHeader]);
    expect(authorizations(registry)).toEqual([undefined, "Bearer t1"]);
  });

  test("an identity token is traded for a token", async () => {
    const registry = await serve({ behaviour: bearer() });
    const client = clientOf(registry, { login: { identityToken: "id" } });
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    const { method, path, body } = registry.requests[1] ?? unused;
    expect([method, path]).toEqual(["POST", "/token"]);
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      grant_type: "refresh_token",
      client_id: "tinyolly",
      refresh_token: "id",
      service: "reg",
      scope: "repository:a/web:pull",
    });
  });

  const lives: [string, number, unknown][] = [
    ["that it has", 300, { token: "t", expires_in: 300 }],
    ["of a minute that it has by default", 60, { token: "t" }],
  ];
  test.each(lives)("a token is replaced once after the life %s", async (_, seconds, token) => {
    const registry = await serve({ behaviour: bearer({ token: () => token }) });
    const client = clientOf(registry);
    const now = performance.now.bind(performance);
    const clock = vi.spyOn(performance, "now");
    onTestFinished(() => {
      clock.mockRestore();
    });
    const tokensAfter = async (passed: number): Promise<number> => {
      clock.mockImplementation(() => now() + passed * 1000);
      await Promise.all(Array.from({ length: 8 }, () => client.hasManifest("a/web", digest)));
      return paths(registry).filter((path) => path.startsWith("GET /token")).length;
    };
    expect(await tokensAfter(0)).toBe(1);
    const asked = registry.requests.length;
    expect(await tokensAfter(seconds - 10)).toBe(1);
    expect(await tokensAfter(seconds + 10)).toBe(2);
    // None was sent with a token that had expired, and so none was refused.
    expect(registry.requests).toHaveLength(asked + 8 + 1 + 8);
  });

  test("a token that could not be had is asked for again", async () => {
    const dance = bearer();
    let refuses = true;
    const registry = await serve({
      behaviour: (request, response, count) =>
        refuses && request.path.startsWith("/token")
          ? status(403)(request, response, count)
          : dance(request, response, count),
    });
    const client = clientOf(registry);
    expect(await messageOf(client.hasManifest("a/web", digest), registry)).toContain(
      "403 Forbidden",
    );
    refuses = false;
    expect(await client.hasManifest("a/web", digest)).toBe(true);
  });

  test("a challenge may leave out service and scope", async () => {
    const registry = await serve({
      behaviour: (request, response, count) => {
        if (request.path.startsWith("/token"))
          return content('{"token":"t1"}')(request, response, count);
        if (request.headers.authorization === "Bearer t1") return false;
        const challenge = `Basic realm="x", bearer realm="${registry.url}/token"`;
        return status(401, { "www-authenticate": challenge })(request, response, count);
      },
    });
    expect(await clientOf(registry).hasManifest("a/web", digest)).toBe(true);
    expect(registry.requests[1]?.path).toBe("/token?scope=repository%3Aa%2Fweb%3Apull");
  });

  test("credentials are looked up once, and not before they are wanted", async () => {
    let lookups = 0;
    const credentials = (): Promise<Credentials> => {
      lookups++;
      return Promise.resolve(user);
    };
    const open = await serve();
    await clientOf(open, { credentials }).hasManifest("a/web", digest);
    expect(lookups).toBe(0);
    const registry = await serve({ behaviour: bearer() });
    const client = clientOf(registry, { credentials });
    await client.hasManifest("a/web", digest);
    await client.hasManifest("b/web", digest);
    expect(lookups).toBe(1);
  });

  test("a token that is refused before its time is replaced once", async () => {
    let good = "Bearer t1";
    const registry = await serve({ behaviour: bearer({ accepts: (given) => given === good }) });
    const client = clientOf(registry);
    await client.hasManifest("a/web", digest);
    good = "Bearer t2";
    expect(
      await Promise.all(Array.from({ length: 8 }, () => client.hasManifest("a/web", digest))),
    ).not.toContain(false);
    expect(paths(registry).filter((path) => path.startsWith("GET /token"))).toHaveLength(2);

    good = "none";
    expect(await messageOf(client.hasManifest("a/web", digest), registry)).toContain(
      "the registry answered 401 Unauthorized",
    );
    expect(paths(registry).filter((path) => path.startsWith("GET /token"))).toHaveLength(3);
  });

  test("a password is sent where the registry wants one, also at once the next time", async () => {
    const registry = await serve({
      behaviour: ({ headers, ...request }, response, count) =>
        headers.authorization !== userHeader &&
        status(401, { "www-authenticate": 'Basic realm="x"' })(
          { headers, ...request },
          response,
          count,
        ),
    });
    const client = clientOf(registry, { login: user });
    expect(await client.hasManifest("a/web", digest)).toBe(true);
    expect(await client.hasManifest("a/web", digest)).toBe(true);
    expect(authorizations(registry)).toEqual([undefined, userHeader, userHeader]);
  });

  const refusals: [string, Behaviour, message: string][] = [
    [
      "refused credentials",
      ({ path }, response) =>
        path.startsWith("/token") && status(401)({ ...unused, path }, response, 0),
      "the registry answered 401 Unauthorized to the credentials that docker login stored, which may be wrong or have expired; run docker login HOST again",
    ],
    [
      "a user without the right",
      ({ path }, response) =>
        path.startsWith("/v2") && status(403)({ ...unused, path }, response, 0),
      "the registry answered 403 Forbidden to the credentials that docker login stored, which may be wrong or have expired; run docker login HOST again",
    ],
    [
      "a token service that is a web page",
      ({ path }, response) => path.startsWith("/token") && html(response, 200),
      "the registry answered 200 without a token; check registryPush and registryPushTls",
    ],
    [
      "an empty token",
      ({ path }, response) =>
        path.startsWith("/token") && content('{"token":""}')({ ...unused, path }, response, 0),
      "the registry answered 200 without a token",
    ],
    [
      "a realm that is no URL",
      bearer({ realm: "token" }),
      'the registry names "token" as its token service, which is no URL; mend the realm in its settings',
    ],
    [
      "a realm where nothing listens",
      bearer({ realm: "http://127.0.0.1:1/token" }),
      "nothing listens at 127.0.0.1:1 (ECONNREFUSED)",
    ],
  ];
  test.each(refusals)("%s is an error that shows no secret", async (_, behaviour, message) => {
    const dance = bearer();
    const registry = await serve({
      behaviour: (...request) => behaviour(...request) || dance(...request),
    });
    const client = clientOf(registry, { login: user });
    const said = await messageOf(client.getManifest("a/web", "v1"), registry);
    expect(said).toContain(`HOST/a/web:v1 could not be read: ${message}`);
    expect(said).not.toMatch(/s3cret|b2xseT/);
  });
});

describe("redirects", () => {
  const wantsPassword: Behaviour = ({ headers }, response) =>
    headers.authorization === undefined &&
    status(401, { "www-authenticate": "Basic" })(unused, response, 0);

  test("credentials follow to the same host and not to another", async () => {
    const elsewhere = await serve();
    const registry = await serve({
      behaviour: (request, response, count) => {
        if (wantsPassword(request, response, count)) return true;
        const location = request.path.startsWith("/moved")
          ? `${elsewhere.url}/v2/a/web/manifests/v1`
          : "/moved";
        return status(307, { location })(request, response, count);
      },
    });
    const client = clientOf(registry, { login: user });
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(registry.requests[2]).toMatchObject({
      path: "/moved",
      headers: { authorization: userHeader },
    });
    expect(elsewhere.requests).toHaveLength(1);
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty("authorization");
    expect(elsewhere.requests[0]?.headers).toHaveProperty("accept");
  });

  test("an identity token does not follow a redirect of the token service", async () => {
    const elsewhere = await serve();
    const registry = await serve({
      behaviour: (request, response, count) =>
        request.method === "POST" &&
        status(307, { location: `${elsewhere.url}/token` })(request, response, count),
    });
    const service = bearer({ realm: `${registry.url}/token` });
    const asked = await serve({ behaviour: service });
    const client = clientOf(asked, { login: { identityToken: "id" } });
    expect(await messageOf(client.getManifest("a/web", "v1"), registry)).toContain(
      "HOST, to which the registry refers, answered 307 Temporary Redirect after 0 redirects",
    );
    expect(elsewhere.requests).toHaveLength(0);
  });

  test("another host that wants credentials gets none", async () => {
    const elsewhere = await serve({ behaviour: bearer() });
    const registry = await serve({
      behaviour: status(307, { location: `${elsewhere.url}/v2/a/web/manifests/v1` }),
    });
    const client = clientOf(registry, { login: user });
    const message = await messageOf(client.getManifest("a/web", "v1"), registry);
    expect(message).toContain(
      `${elsewhere.host}, to which the registry refers, answered 401 Unauthorized`,
    );
    expect(elsewhere.requests).toHaveLength(1);
  });
});

describe("TLS", () => {
  test("any certificate will do under skip-verify", async () => {
    const registry = await serve({ tls: certificate });
    expect(await clientOf(registry, { tls: "skip-verify" }).hasManifest("a/web", digest)).toBe(
      true,
    );
  });

  test("a server without TLS will do under skip-verify", async () => {
    const registry = await serve();
    const client = clientOf(registry, { tls: "skip-verify" });
    expect(await client.getManifest("a/web", "v1")).toMatchObject({ digest });
    expect(await client.hasManifest("a/web", digest)).toBe(true);
  });

  test("another host needs a good certificate also under skip-verify", async () => {
    const elsewhere = await serve({ tls: certificate });
    const registry = await serve({
      tls: certificate,
      behaviour: status(307, { location: `${elsewhere.url}/v2/a/web/manifests/v1` }),
    });
    const question = clientOf(registry, { tls: "skip-verify" }).getManifest("a/web", "v1");
    expect(await messageOf(question, elsewhere)).toContain(
      "the certificate of HOST is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT)",
    );
  });

  test("another host needs TLS also under skip-verify", async () => {
    const elsewhere = await serve();
    const location = `https://${elsewhere.host}/v2/a/web/manifests/v1`;
    const registry = await serve({ tls: certificate, behaviour: status(307, { location }) });
    const question = clientOf(registry, { tls: "skip-verify" }).getManifest("a/web", "v1");
    expect(await messageOf(question, elsewhere)).toContain("HOST does not speak TLS");
  });

  const mismatches: [string, Tls, boolean, string][] = [
    [
      "a certificate that nobody vouches for",
      "verify",
      true,
      "the certificate of HOST is not accepted (DEPTH_ZERO_SELF_SIGNED_CERT); add its authority to NODE_EXTRA_CA_CERTS, or set registryPushTls to skip-verify for a registry of your own",
    ],
    [
      "plain HTTP under verify",
      "verify",
      false,
      "HOST does not speak TLS; set registryPushTls to plain-http if that is meant",
    ],
    [
      "TLS under plain-http",
      "plain-http",
      true,
      "the registry closed the connection without an answer; check registryPush and registryPushTls",
    ],
  ];
  test.each(mismatches)("%s is an error", async (_, tls, serves, problem) => {
    const registry = await serve(serves ? { tls: certificate } : {});
    expect(await messageOf(clientOf(registry, { tls }).getManifest("a/web", "v1"), registry)).toBe(
      `HOST/a/web:v1 could not be read: ${problem}`,
    );
  });

  /** Asks under `verify` in a process that trusts the certificate and does not close its clients; it has 10 s to end. */
  function askFromOutside(...registries: readonly FakeRegistry[]): Promise<string[]> {
    const script = `
      const { RegistryClient } = require("./delivery/registry/client.ts");
      for (const host of process.argv.slice(1))
        new RegistryClient({ host, tls: "verify" }).getManifest("a/web", "v1").then(
          (found) => console.log(found.digest),
          (error) => console.log(error.message),
        );`;
    const folder = folderWith({ "ca.pem": certificate.cert });
    const hosts = registries.map(({ host }) => host);
    const child = spawn(process.execPath, ["-e", script, ...hosts], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: `${folder}/ca.pem` },
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 10_000,
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    return new Promise((resolve) => {
      child.on("close", (code) => {
        resolve([...output.trim().split("\n").sort(), `exit code ${code ?? "none"}`]);
      });
    });
  }

  test("under verify a trusted certificate is good, plain HTTP is not, and idle connections keep no process", async () => {
    const good = await serve({ tls: certificate });
    const elsewhere = await serve();
    const location = `${elsewhere.url}/v2/a/web/manifests/v1`;
    const leaky = await serve({ tls: certificate, behaviour: status(307, { location }) });
    expect(await askFromOutside(good, leaky)).toEqual([
      `${leaky.host}/a/web:v1 could not be read: the registry refers to ${elsewhere.url}, which is not encrypted; set registryPushTls to plain-http if that is meant`,
      digest,
      "exit code 0",
    ]);
    expect(elsewhere.requests).toHaveLength(0);
  });
});

describe("closing", () => {
  const message =
    "HOST/a/web:v1 could not be read: the connection was closed on this side before the answer came; ask again";

  const pending: [string, Behaviour][] = [
    ["waits for an answer", () => true],
    ["waits to ask again", status(503, { "retry-after": "60" })],
  ];
  test.each(pending)("ends a question that %s", async (_, behaviour) => {
    const registry = await serve({ behaviour });
    const client = clientOf(registry, { timeoutMs: 90_000, deadlineMs: 90_000 });
    const question = messageOf(client.getManifest("a/web", "v1"), registry);
    await expect.poll(() => registry.requests.length).toBe(1);
    client.close();
    expect(await question).toBe(message);
  });

  test("ends the questions that wait for their turn, and takes no more", async () => {
    const registry = await serve({ behaviour: () => true });
    const client = clientOf(registry);
    const questions = Array.from({ length: 20 }, () => client.getManifest("a/web", "v1"));
    const messages = questions.map((question) => messageOf(question, registry));
    await expect.poll(() => registry.requests.length).toBe(8);
    client.close();
    expect(new Set(await Promise.all(messages))).toEqual(new Set([message]));
    expect(await messageOf(client.getManifest("a/web", "v1"), registry)).toBe(message);
    expect(registry.requests).toHaveLength(8);
  });

  test("ends idle connections", async () => {
    let closed = false;
    const registry = await serve({
      behaviour: (_, response) => {
        response.socket?.on("close", () => (closed = true));
        return false;
      },
    });
    const client = clientOf(registry);
    await client.hasManifest("a/web", digest);
    expect(closed).toBe(false);
    client.close();
    await expect.poll(() => closed).toBe(true);
  });
});
