import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { artifact, emptyDescriptor } from "../../../delivery/registry/artifact.ts";
import type { RegistryClient } from "../../../delivery/registry/client.ts";
import type { RegistryClientOptions } from "../../../delivery/registry/types.ts";
import {
  type Behaviour,
  type FakeRegistryOptions,
  mediaTypes,
} from "../../fake-registry-answers.ts";
import { type FakeRegistry, indexOf, manifestOf, startRegistry } from "../../fake-registry.ts";
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
