import { sha256 } from "../delivery/basics/sha256.ts";
import type { Credentials } from "../delivery/registry/types.ts";
import { type Behaviour, type FakeRegistryOptions, sendJson } from "./fake-registry-answers.ts";
import { type FakeRegistry, manifestOf } from "./fake-registry.ts";
import { serve as serveAny, status } from "./registry-questions.ts";

export const manifest = manifestOf("one");
export const digest = `sha256:${sha256(JSON.stringify(manifest))}`;
export const user: Credentials = { username: "olly", password: "s3cret" };
export const userHeader = `Basic ${Buffer.from("olly:s3cret").toString("base64")}`;

/** A registry with `a/web:v1`, closed after the test. */
export function serve(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  return serveAny({ manifests: { "a/web:v1": manifest }, ...options });
}

/** Wants a token, and gives one at `/token`: by default t1, t2 and so on, which it then takes. */
export function bearer({
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

export const unused = { method: "", path: "", headers: {}, body: "", bytes: Buffer.alloc(0) };
