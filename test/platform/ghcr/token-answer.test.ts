import { expect, test } from "vitest";
import type { Account } from "../../../platform/ghcr/accounts.ts";
import {
  type Grant,
  type Refusal,
  type TokenRequest,
  type Visibility,
  answerToken,
  claimsOf,
} from "../../../platform/ghcr/token-answer.ts";

const accounts: readonly Account[] = [
  { name: "writer", token: "w", rights: ["pull", "push"], lifeSeconds: 300 },
  { name: "reader", token: "r", rights: ["pull"], lifeSeconds: 300 },
  { name: "owner", token: "o:with:colons", rights: ["pull", "push", "delete"], lifeSeconds: 300 },
  { name: "expired", token: "e", rights: ["pull", "push"], lifeSeconds: 0 },
  { name: "hasty", token: "h", rights: ["pull", "push"], lifeSeconds: 2 },
];

const packages: Readonly<Record<string, Visibility>> = {
  "o/app": "public",
  "o/charts/app": "public",
  "o/secret": "private",
};

function answer(request: Partial<TokenRequest>): Grant | Refusal {
  const visibility = (name: string): Visibility => packages[name] ?? "missing";
  return answerToken(
    { method: "GET", url: "/token", body: "", ...request },
    { accounts, visibility },
  );
}

function basic(token: string, user = "me"): string {
  return `Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`;
}

function scoped(...scopes: string[]): string {
  return `/token?service=ghcr.tinyolly.test&${scopes.map((scope) => `scope=${scope}`).join("&")}`;
}

/** A grant in one line; a refusal is shown as it is. */
function told(granted: Grant | Refusal): unknown {
  if ("status" in granted) return granted;
  const { subject, access, lifeSeconds, field } = granted;
  const rights = access.map(({ name, actions }) => `${name}:${actions.join(",")}`);
  return [subject || "nobody", ...rights, lifeSeconds, field].join(" ");
}

const nothing = "300 token";

test.each<[string, string | undefined, string[], string]>([
  ["nobody pulls what is public", undefined, ["o/app:pull"], "nobody o/app:pull 300 token"],
  ["nobody gets no more", undefined, ["o/app:pull,push,delete"], "nobody o/app:pull 300 token"],
  ["nobody gets a token for nothing", undefined, [], `nobody ${nothing}`],
  ["nobody pushes", undefined, ["o/app:push"], `nobody ${nothing}`],
  ["a bearer token is as good as none", "Bearer w", ["o/app:push"], `nobody ${nothing}`],
  ["a writer pushes", basic("w"), ["o/app:pull,push"], "writer o/app:pull,push 300 token"],
  ["a writer makes packages", basic("w"), ["o/new:push"], "writer o/new:push 300 token"],
  ["a writer deletes nothing", basic("w"), ["o/app:delete"], `writer ${nothing}`],
  ["a reader gets what is its", basic("r"), ["o/app:pull,push"], "reader o/app:pull 300 token"],
  ["a reader sees private ones", basic("r"), ["o/secret:pull"], "reader o/secret:pull 300 token"],
  ["an owner deletes", basic("o:with:colons"), ["o/app:delete"], "owner o/app:delete 300 token"],
  ["* is all that one may", basic("w"), ["o/app:*"], "writer o/app:pull,push 300 token"],
  ["any user name will do", basic("h", "x"), ["o/app:push"], "hasty o/app:push 2 token"],
  [
    "several parameters, and several scopes in one",
    basic("w"),
    ["o/app:pull,push", "o/charts/app:pull%20repository:o/secret:pull"],
    "writer o/app:pull,push o/charts/app:pull o/secret:pull 300 token",
  ],
  [
    "what names no repository is left out",
    basic("w"),
    ["../../etc:pull", "o/app", "/o:pull", "o//p:pull", "O:pull", ""],
    `writer ${nothing}`,
  ],
])("%s", (_, authorization, scopes, expected) => {
  const url = scoped(...scopes.map((scope) => `repository:${scope}`));
  expect(told(answer({ url, authorization }))).toBe(expected);
});

test("scopes of other types are left out", () => {
  const url = scoped("registry:catalog:*", "repository(plugin):o/app:pull");
  expect(told(answer({ url, authorization: basic("w") }))).toBe(`writer ${nothing}`);
});

const unknown = { status: 403, code: "DENIED", message: "denied" };
const authenticate = { status: 401, code: "UNAUTHORIZED", message: "authentication required" };
const denied = {
  status: 403,
  code: "DENIED",
  message: "requested access to the resource is denied",
};
const unsupported = { status: 405, code: "UNSUPPORTED", message: "The operation is unsupported." };

test.each<[string, Partial<TokenRequest>, Refusal | object]>([
  [
    "a wrong token, whatever it asks for",
    { url: scoped("repository:o/app:pull"), authorization: basic("x") },
    unknown,
  ],
  ["a wrong token that asks for nothing", { authorization: basic("x") }, unknown],
  ["an expired token", { authorization: basic("e") }, unknown],
  ["an empty token", { authorization: basic("") }, unknown],
  ["nobody, who wants what is private", { url: scoped("repository:o/secret:pull") }, authenticate],
  [
    "nobody, who wants something private among others",
    { url: scoped("repository:o/app:pull", "repository:o/secret:pull") },
    authenticate,
  ],
  ["nobody, who wants what is not there", { url: scoped("repository:o/new:pull") }, denied],
  [
    "a password that comes by POST",
    { method: "POST", body: "grant_type=password&username=me&password=w" },
    unsupported,
  ],
  [
    "a wrong refresh token",
    { method: "POST", body: "grant_type=refresh_token&refresh_token=x" },
    unknown,
  ],
  ["no refresh token", { method: "POST", body: "grant_type=refresh_token" }, unknown],
  ["another method", { method: "PUT" }, unsupported],
  [
    "another path",
    { url: "/tokens" },
    { status: 404, code: "NOT_FOUND", message: "page not found" },
  ],
])("refused: %s", (_, request, refusal) => {
  expect(answer(request)).toEqual(refusal);
});

test("a refresh token comes by POST, and its answer has another field", () => {
  const scope = encodeURIComponent("repository:o/app:pull,push");
  const body = `grant_type=refresh_token&service=s&client_id=c&refresh_token=w&scope=${scope}`;
  expect(told(answer({ method: "POST", body }))).toBe("writer o/app:pull,push 300 access_token");
});

test("a token ends for the registry, which waits a minute more, when its life does", () => {
  const granted = answer({ authorization: basic("h"), url: scoped("repository:o/app:pull") });
  // The rights of the account say so.
  expect(claimsOf(granted as Grant, "ghcr.tinyolly.test", 1_000_000)).toEqual({
    iss: "ghcr.tinyolly.test",
    sub: "hasty",
    aud: "ghcr.tinyolly.test",
    iat: 1_000_000,
    nbf: 1_000_000,
    exp: 999_942,
    access: [{ type: "repository", name: "o/app", actions: ["pull"] }],
  });
});
