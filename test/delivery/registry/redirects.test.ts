import { describe, expect, onTestFinished, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import type { Credentials } from "../../../delivery/registry/types.ts";
import { type Behaviour, type FakeRegistryOptions, sendJson } from "../../fake-registry-answers.ts";
import { type FakeRegistry, manifestOf, startRegistry } from "../../fake-registry.ts";
import { clientOf, messageOf, status } from "../../registry-questions.ts";

const manifest = manifestOf("one");
const digest = `sha256:${sha256(JSON.stringify(manifest))}`;
const user: Credentials = { username: "olly", password: "s3cret" };
const userHeader = `Basic ${Buffer.from("olly:s3cret").toString("base64")}`;

/** A registry with `a/web:v1`, closed after the test. */
async function serve(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry({ manifests: { "a/web:v1": manifest }, ...options });
  onTestFinished(() => registry.close());
  return registry;
}

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
