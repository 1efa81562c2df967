import { fields, parseJson } from "../basics/json-fields.ts";
import { RegistryFailure, checkAddress } from "./failure.ts";
import { refusal } from "./refusal.ts";
import type { RegistryServer } from "./server.ts";
import type {
  Credentials,
  FoundCredentials,
  RegistryRequest,
  RegistryResponse,
  Scope,
} from "./types.ts";

/** Authorization that a registry asks for: the user's password, or a token of its token service. */
type Challenge =
  | { readonly scheme: "basic" }
  | {
      readonly scheme: "bearer";
      readonly realm: string;
      readonly service: string;
      /** Such as `repository:owner/webui:pull,push`. */
      readonly scopes: readonly string[];
    };

interface Token {
  /** Value of the Authorization header. */
  readonly header: string;
  /** On the clock of `performance.now()`. */
  readonly expires: number;
}

/** Sends a request until it is answered, at the latest at `until` on the clock of `performance.now()`. */
type SendUntil = (request: RegistryRequest, until: number) => Promise<RegistryResponse>;

/** Adds to requests the Authorization that the registry asks for. */
export class Authentication {
  /** By scope, since a right to read is no right to write. */
  private readonly challenges = new Map<string, Challenge>();
  private readonly tokens = new Map<string, Promise<Token>>();
  private found: Promise<FoundCredentials | undefined> | undefined;
  private readonly server: RegistryServer;
  private readonly findCredentials: () => Promise<FoundCredentials | undefined>;
  private readonly askTokenService: SendUntil;

  public constructor(
    server: RegistryServer,
    findCredentials: () => Promise<FoundCredentials | undefined>,
    askTokenService: SendUntil,
  ) {
    this.server = server;
    this.findCredentials = findCredentials;
    this.askTokenService = askTokenService;
  }

  /**
   * Sends a request with the Authorization that its scope needed last, and once more when the registry asks for another one
   * or rejects the token. Another host than the registry gets no credentials.
   *
   * @param post Sends a request as it is.
   * @param until When a new token must be there, on the clock of `performance.now()`.
   */
  public async send(
    request: RegistryRequest,
    until: () => number,
    post: (request: RegistryRequest) => Promise<RegistryResponse>,
  ): Promise<RegistryResponse> {
    if (!this.server.isOwn(request.url)) return post(request);
    const { scope } = request;
    const key = JSON.stringify(scope);
    const known = this.challenges.get(key);
    const token = known && (await this.token(known, scope, until()));
    const response = await post(signed(request, token));
    // A redirect may have led to another host, which gets no credentials.
    if (response.status !== 401 || response.url.host !== request.url.host) return response;
    const challenge = readChallenge(response, scope);
    if (!challenge) return response;
    this.challenges.set(key, challenge);
    const renewed = await this.token(challenge, scope, until(), token);
    return post(signed(request, renewed));
  }

  /** Failure for a response that is neither the expected one nor "not found". */
  public async refusal(response: RegistryResponse, scope: Scope): Promise<RegistryFailure> {
    const { status, url } = response;
    const credentials = status === 401 || status === 403 ? await this.credentials() : undefined;
    const who = this.server.who(url);
    const says = this.server.says(response);
    return refusal(response, { scope, host: this.server.host, who, says, credentials });
  }

  private credentials(): Promise<FoundCredentials | undefined> {
    return (this.found ??= this.findCredentials().then((credentials) => {
      for (const secret of secretsOf(credentials)) this.server.secrets.add(secret);
      return credentials;
    }));
  }

  /** Returns the token for a challenge; a new one when the known one has expired or is the `refused` one. */
  private async token(
    challenge: Challenge,
    scope: Scope,
    until: number,
    refused?: Token,
  ): Promise<Token> {
    const key = JSON.stringify(challenge);
    const pending = this.tokens.get(key);
    if (pending) {
      const known = await pending;
      if (known !== refused && known.expires > performance.now()) return known;
      // Another request may have renewed it meanwhile.
      if (this.tokens.get(key) !== pending) return this.token(challenge, scope, until, refused);
    }
    const fetched = this.fetchToken(challenge, scope, until);
    this.tokens.set(key, fetched);
    fetched.catch(() => this.tokens.delete(key));
    return fetched;
  }

  private async fetchToken(challenge: Challenge, scope: Scope, until: number): Promise<Token> {
    const credentials = await this.credentials();
    if (challenge.scheme === "basic") {
      if (credentials && "password" in credentials)
        return { header: basic(credentials), expires: Infinity };
      throw new RegistryFailure(
        `the registry wants a user name and a password, which Docker's configuration does not have for it; run docker login ${this.server.host}`,
      );
    }
    const response = await this.askTokenService(tokenRequest(challenge, scope, credentials), until);
    if (response.status !== 200) throw await this.refusal(response, scope);
    const { token, seconds } = readToken(response, this.server.who(response.url));
    this.server.secrets.add(token);
    return { header: `Bearer ${token}`, expires: performance.now() + seconds * 1000 };
  }
}

function signed(request: RegistryRequest, token: Token | undefined): RegistryRequest {
  if (!token) return request;
  return { ...request, headers: { ...request.headers, authorization: token.header } };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Forms in which a server could repeat credentials. */
function secretsOf(credentials: Credentials | undefined): string[] {
  if (!credentials) return [];
  if ("identityToken" in credentials) return [credentials.identityToken];
  return [basic(credentials).slice("Basic ".length), credentials.password].filter(
    (secret) => secret !== "",
  );
}

function readChallenge({ headers }: RegistryResponse, scope: Scope): Challenge | undefined {
  const text = headers["www-authenticate"] ?? "";
  const bearer = /\bBearer\s+(.*)/is.exec(text)?.[1];
  if (bearer === undefined) return /\bBasic\b/i.test(text) ? { scheme: "basic" } : undefined;
  const value = (name: string): string | undefined =>
    new RegExp(`\\b${name}\\s*=\\s*"([^"]*)"`, "i").exec(bearer)?.[1];
  return {
    scheme: "bearer",
    realm: value("realm") ?? "",
    service: value("service") ?? "",
    scopes: scopesOf(value("scope") ?? "", scope),
  };
}

/**
 * Scopes that a token is asked for. A read takes those of the challenge, as the registry may know the repository by another
 * name; a write adds its own, since some registries always ask for the right to read.
 */
function scopesOf(said: string, { action, repository, from }: Scope): string[] {
  if (action === "pull") return said === "" ? [`repository:${repository}:pull`] : said.split(" ");
  const needed = [
    `repository:${repository}:pull,push`,
    ...(from === undefined ? [] : [`repository:${from}:pull`]),
  ];
  const actions = new Map<string, Set<string>>();
  for (const scope of [...needed, ...said.split(" ")]) {
    const [, resource, list = ""] = /^(.+):([^:]+)$/.exec(scope) ?? [];
    if (resource === undefined) continue;
    actions.set(resource, new Set([...(actions.get(resource) ?? []), ...list.split(",")]));
  }
  return [...actions].map(([resource, names]) => `${resource}:${[...names].join(",")}`);
}

function tokenRequest(
  { realm, service, scopes }: Extract<Challenge, { scheme: "bearer" }>,
  scope: Scope,
  credentials: Credentials | undefined,
): RegistryRequest {
  if (!URL.canParse(realm)) {
    throw new RegistryFailure(
      `the registry names "${realm}" as its token service, which is no URL; mend the realm in its settings`,
    );
  }
  const url = new URL(realm);
  if (credentials && "identityToken" in credentials) {
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      client_id: "tinyolly",
      refresh_token: credentials.identityToken,
      service,
      scope: scopes.join(" "),
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { scope, method: "POST", url, headers, body: body.toString() };
  }
  if (service !== "") url.searchParams.set("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const headers = credentials ? { authorization: basic(credentials) } : {};
  return { scope, method: "GET", url, headers };
}

/** Life of a token whose response names none, as distribution's token specification has it. */
const defaultLifeSeconds = 60;

function readToken({ body }: RegistryResponse, who: string): { token: string; seconds: number } {
  const { token, access_token, expires_in } = fields(parseJson(body) ?? {});
  const value = [token, access_token].find((text) => typeof text === "string" && text !== "");
  if (typeof value !== "string")
    throw new RegistryFailure(`${who} answered 200 without a token; ${checkAddress}`);
  return {
    token: value,
    seconds: typeof expires_in === "number" ? expires_in : defaultLifeSeconds,
  };
}
