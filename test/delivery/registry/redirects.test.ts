import { describe, expect, test } from "vitest";
import { type Behaviour } from "../../fake-registry-answers.ts";
import { bearer, digest, serve, unused, user, userHeader } from "../../guarded-registry.ts";
import { clientOf, messageOf, status } from "../../registry-questions.ts";

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
