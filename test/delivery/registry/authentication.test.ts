import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Credentials } from "../../../delivery/registry/types.ts";
import { type Behaviour } from "../../fake-registry-answers.ts";
import { type FakeRegistry } from "../../fake-registry.ts";
import { bearer, digest, serve, unused, user, userHeader } from "../../guarded-registry.ts";
import { clientOf, content, html, messageOf, paths, status } from "../../registry-questions.ts";

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
