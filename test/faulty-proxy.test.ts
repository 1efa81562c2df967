import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { authority, signed } from "../platform/machine/state-files.ts";
import { FaultyProxy, type FaultyProxyOptions, ociError } from "./e2e/faulty-proxy.ts";
import type { Behaviour, FakeRegistryOptions } from "./fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "./fake-registry.ts";
import { folderWith } from "./folders.ts";

const opened: { close: () => Promise<void> }[] = [];

afterEach(async () => {
  for (const server of opened.splice(0)) await server.close();
});

/** A registry that takes whatever is sent. */
const takesAll: Behaviour = ({ method }, response) => {
  if (!["PUT", "PATCH"].includes(method)) return false;
  response.writeHead(201, { location: "/v2/o/app/there" });
  response.end();
  return true;
};

async function start(
  registryOptions: FakeRegistryOptions = {},
  options: Partial<FaultyProxyOptions> = {},
): Promise<{ registry: FakeRegistry; proxy: FaultyProxy }> {
  const registry = await startRegistry({ behaviour: takesAll, ...registryOptions });
  const proxy = await FaultyProxy.start({ target: registry.url, ...options });
  opened.push(proxy, registry);
  return { registry, proxy };
}

interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request to the proxy; rejects when the connection is cut. */
function send(
  proxy: FaultyProxy,
  method: string,
  path: string,
  { body = "", ca }: { body?: string | Buffer; ca?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request } = ca === undefined ? http : https;
    const url = `${ca === undefined ? "http" : "https"}://${proxy.host}${path}`;
    const options = { method, agent: false, ...(ca === undefined ? {} : { ca }) } as const;
    const sent = request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

const manifest = "/v2/o/app/manifests/v1";
const upload = "/v2/o/app/blobs/uploads/1";

test("requests and answers pass as they are, with the client's Host, and are listed", async () => {
  const { proxy, registry } = await start();
  registry.setManifest("o/app", "v1", manifestOf("one"));
  const found = await send(proxy, "GET", `${manifest}?a=b`);
  expect(found.status).toBe(200);
  expect((await send(proxy, "GET", manifest)).body).toBe(JSON.stringify(manifestOf("one")));
  const stored = await send(proxy, "PATCH", upload, { body: "layer" });
  expect(stored).toMatchObject({ status: 201, headers: { location: "/v2/o/app/there" } });
  expect(registry.requests.at(-1)).toMatchObject({ method: "PATCH", path: upload, body: "layer" });
  expect(registry.requests.map(({ headers }) => headers.host)).toEqual(Array(3).fill(proxy.host));
  expect(proxy.requests).toEqual([
    { method: "GET", path: `${manifest}?a=b`, status: 200 },
    { method: "GET", path: manifest, status: 200 },
    { method: "PATCH", path: upload, status: 201 },
  ]);
  expect(proxy.writes).toEqual(proxy.requests.slice(2));
});

test("both sides speak TLS by a private authority", async () => {
  const folder = folderWith({});
  const by = authority(join(folder, "authority"), "/CN=authority");
  const server = signed(join(folder, "tls"), by, "/CN=registry", "DNS:localhost,IP:127.0.0.1");
  const ca = readFileSync(by.certificate, "utf8");
  const tls = {
    key: readFileSync(server.key, "utf8"),
    cert: readFileSync(server.certificate, "utf8"),
  };
  const { proxy, registry } = await start({ tls }, { tls, targetAuthority: ca });
  registry.setManifest("o/app", "v1", manifestOf("one"));
  expect((await send(proxy, "GET", manifest, { ca })).status).toBe(200);
  await expect(send(proxy, "GET", manifest, { ca: tls.cert })).rejects.toThrow(/certificate/);
});

test("an injected answer does not reach the registry, and counts as often as it was said", async () => {
  const { proxy, registry } = await start();
  const denied = ociError("DENIED", "quota exceeded");
  const headers = { "www-authenticate": "Bearer" };
  proxy.answer(/^PUT .*\/manifests\//, { status: 403, body: denied, headers, times: 1 });
  proxy.answer(/^PATCH /, { status: 507 });
  expect(await send(proxy, "PUT", manifest, { body: "{}" })).toMatchObject({
    status: 403,
    headers: { "content-type": "application/json", "www-authenticate": "Bearer" },
    body: '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}',
  });
  expect(await send(proxy, "PATCH", upload, { body: "x" })).toMatchObject({
    status: 507,
    body: "",
  });
  expect(registry.requests).toEqual([]);
  expect((await send(proxy, "PUT", manifest, { body: "{}" })).status).toBe(201);
  expect((await send(proxy, "PATCH", upload)).status).toBe(507);
  expect(proxy.requests.map(({ status }) => status)).toEqual([403, 507, 201, 507]);
});

test("something can happen between two requests", async () => {
  const { proxy, registry } = await start();
  proxy.before(/^GET .*\/manifests\/v1$/, async () => {
    await send(proxy, "HEAD", "/v2/");
    registry.setManifest("o/app", "v1", manifestOf("of somebody else"));
  });
  expect((await send(proxy, "GET", manifest)).status).toBe(200);
  registry.delete("o/app", "v1");
  expect((await send(proxy, "GET", manifest)).status).toBe(404);
});

test("connections are cut in the middle of an upload, and until the proxy is healed", async () => {
  const { proxy, registry } = await start();
  proxy.cutAfterBytes(1_000_000);
  expect((await send(proxy, "PATCH", upload, { body: Buffer.alloc(900_000) })).status).toBe(201);
  const cut = /ECONNRESET|EPIPE|socket hang up/;
  await expect(send(proxy, "PATCH", upload, { body: Buffer.alloc(900_000) })).rejects.toThrow(cut);
  await expect(send(proxy, "GET", manifest)).rejects.toThrow(cut);
  expect(registry.requests).toHaveLength(1);
  expect(proxy.requests.map(({ status }) => status)).toEqual([201, undefined]);
  proxy.heal();
  expect((await send(proxy, "PATCH", upload, { body: Buffer.alloc(900_000) })).status).toBe(201);
});

test.each([
  ["after the client learnt of them", false, [201, 201]],
  ["before the client learns of the last", true, [201, undefined]],
])("connections are cut once two manifests are stored, %s", async (_, losesAnswer, seen) => {
  const { proxy, registry } = await start();
  proxy.cutAfterManifests(2, losesAnswer);
  expect((await send(proxy, "PUT", manifest)).status).toBe(201);
  expect((await send(proxy, "PUT", "/v2/o/app/blobs/uploads/1?digest=")).status).toBe(201);
  const second = send(proxy, "PUT", "/v2/o/app/manifests/v2");
  if (losesAnswer) await expect(second).rejects.toThrow();
  else expect((await second).status).toBe(201);
  await expect(send(proxy, "PUT", "/v2/o/app/manifests/v3")).rejects.toThrow();
  expect(registry.requests.map(({ path }) => path)).toEqual([
    manifest,
    "/v2/o/app/blobs/uploads/1?digest=",
    "/v2/o/app/manifests/v2",
  ]);
  const manifests = proxy.requests.filter(({ path }) => path.includes("/manifests/"));
  expect(manifests.map(({ status }) => status)).toEqual(seen);
});

test("a manifest that the registry refuses is none that was stored", async () => {
  const refuses: Behaviour = (_, response, count) => {
    response.writeHead(count === 1 ? 400 : 201);
    response.end();
    return true;
  };
  const { proxy } = await start({ behaviour: refuses });
  proxy.cutAfterManifests(1);
  expect((await send(proxy, "PUT", manifest)).status).toBe(400);
  expect((await send(proxy, "PUT", manifest)).status).toBe(201);
  await expect(send(proxy, "PUT", manifest)).rejects.toThrow();
});

test("a registry that is gone looks like a cut", async () => {
  const { proxy, registry } = await start();
  await registry.close();
  opened.pop();
  await expect(send(proxy, "GET", manifest)).rejects.toThrow("socket hang up");
});
