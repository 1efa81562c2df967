import { type Account, type Right, usualLifeSeconds } from "./accounts.ts";

/** What a client sends to the token service. */
export interface TokenRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  /** The header. */
  readonly authorization?: string | undefined;
  readonly body: string;
}

/** Who may see a package; what is missing looks like what is private to most, but not to all. */
export type Visibility = "public" | "private" | "missing";

/** What the token service goes by. */
export interface TokenRules {
  readonly accounts: readonly Account[];
  readonly visibility: (repository: string) => Visibility;
}

/** What a token is good for in one repository. */
export interface Access {
  readonly type: "repository";
  readonly name: string;
  readonly actions: readonly Right[];
}

/** A token that may be made. */
export interface Grant {
  /** Name of the account; empty without one. */
  readonly subject: string;
  readonly access: readonly Access[];
  readonly lifeSeconds: number;
  /** Field of the answer. */
  readonly field: "token" | "access_token";
}

/** Why there is no token, as GHCR says it. */
export interface Refusal {
  readonly status: 401 | 403 | 404 | 405;
  readonly code: "UNAUTHORIZED" | "DENIED" | "NOT_FOUND" | "UNSUPPORTED";
  readonly message: string;
}

const refusals = {
  path: { status: 404, code: "NOT_FOUND", message: "page not found" },
  method: { status: 405, code: "UNSUPPORTED", message: "The operation is unsupported." },
  credentials: { status: 403, code: "DENIED", message: "denied" },
  private: { status: 401, code: "UNAUTHORIZED", message: "authentication required" },
  missing: { status: 403, code: "DENIED", message: "requested access to the resource is denied" },
} as const satisfies Readonly<Record<string, Refusal>>;

/**
 * What GHCR's token service answers, by what its users report: bad credentials are denied at once, others get what they ask for as far as
 * their rights go, and without credentials only public packages can be pulled.
 */
export function answerToken(request: TokenRequest, rules: TokenRules): Grant | Refusal {
  const { pathname, searchParams } = new URL(request.url, "https://localhost");
  if (pathname !== "/token") return refusals.path;
  if (request.method === "GET") {
    const password = basicPassword(request.authorization);
    return grant(searchParams.getAll("scope"), password, "token", rules);
  }
  const form = new URLSearchParams(request.body);
  // Clients that send a password this way try GET next, as they have to on GHCR.
  if (request.method !== "POST" || form.get("grant_type") !== "refresh_token")
    return refusals.method;
  return grant(form.getAll("scope"), form.get("refresh_token") ?? "", "access_token", rules);
}

/** What a token says, as distribution reads it. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly access: readonly Access[];
}

/** Seconds for which distribution takes a token that has expired. */
const leewaySeconds = 60;

/** Claims of a granted token; `service` is both who makes tokens and whom they are for, `now` is in seconds. */
export function claimsOf(
  { subject, access, lifeSeconds }: Grant,
  service: string,
  now: number,
): Claims {
  return {
    iss: service,
    sub: subject,
    aud: service,
    iat: now,
    nbf: now,
    exp: now + lifeSeconds - leewaySeconds,
    access,
  };
}

function grant(
  scopes: readonly string[],
  password: string | undefined,
  field: Grant["field"],
  { accounts, visibility }: TokenRules,
): Grant | Refusal {
  const asked = scopes.flatMap((scope) => scope.split(" ")).flatMap(readScope);
  if (password === undefined) {
    const seen = asked.map(({ name }) => visibility(name));
    if (seen.includes("private")) return refusals.private;
    if (seen.includes("missing")) return refusals.missing;
    return { subject: "", access: limit(asked, ["pull"]), lifeSeconds: usualLifeSeconds, field };
  }
  const account = accounts.find(({ token }) => token === password);
  if (!account || account.lifeSeconds === 0) return refusals.credentials;
  const { name: subject, rights, lifeSeconds } = account;
  return { subject, access: limit(asked, rights), lifeSeconds, field };
}

interface Scope {
  readonly name: string;
  readonly actions: readonly string[];
}

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const scopePattern = new RegExp(`^repository:(${component}(?:/${component})*):([a-z,*]+)$`);

/** One scope; none where it is about something else than a repository. */
function readScope(text: string): Scope[] {
  const [, name, actions] = scopePattern.exec(text) ?? [];
  return name === undefined || actions === undefined ? [] : [{ name, actions: actions.split(",") }];
}

function limit(asked: readonly Scope[], rights: readonly Right[]): Access[] {
  return asked.flatMap(({ name, actions }) => {
    const granted = rights.filter((right) => actions.includes(right) || actions.includes("*"));
    return granted.length === 0 ? [] : [{ type: "repository", name, actions: granted }];
  });
}

/** The password of a Basic header; undefined without one, since GHCR looks at no other kind here. */
function basicPassword(header = ""): string | undefined {
  const [, encoded] = /^Basic\s+(\S+)$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  return text.slice(text.indexOf(":") + 1);
}
