import { fields, parseJson } from "./json-fields";
import type { Credentials } from "./registry-credentials";
import {
  type Answer,
  Problem,
  type RegistryTransport,
  type Request,
  checkAddress,
  withReason,
} from "./registry-transport";

/** How a registry wants requests to be signed: with the user's password, or with a token of its token service. */
type Challenge =
  | { readonly scheme: "basic" }
  | {
      readonly scheme: "bearer";
      readonly realm: string;
      readonly service: string;
      readonly scope: string;
    };

interface Token {
  /** Value of the Authorization header. */
  readonly header: string;
  /** On the clock of `performance.now()`. */
  readonly expires: number;
}

/** Signs requests the way the registry wants them. */
export class RequestSigner {
  private readonly challenges = new Map<string, Challenge>();
  private readonly tokens = new Map<string, Promise<Token>>();
  private found: Promise<Credentials | undefined> | undefined;

  public constructor(
    private readonly transport: RegistryTransport,
    private readonly host: string,
    private readonly findCredentials: () => Promise<Credentials | undefined>,
  ) {}

  /** Sends a request signed as the repository last wanted it, and once more when it now wants it otherwise. */
  public async send(request: Request, repository: string, until: number): Promise<Answer> {
    const known = this.challenges.get(repository);
    const token = known && (await this.token(known, until));
    const answer = await this.transport.send(signed(request, token), until);
    // Where a redirect led to another host, that host gets no credentials.
    if (answer.status !== 401 || answer.url.host !== request.url.host) return answer;
    const challenge = readChallenge(answer, repository);
    if (!challenge) return answer;
    this.challenges.set(repository, challenge);
    return this.transport.send(signed(request, await this.token(challenge, until, token)), until);
  }

  /** What to say about an answer that is neither the wanted one nor "not found". */
  public async refusal({ url, status, headers }: Answer): Promise<Problem> {
    const said = `${this.transport.who(url)} answered ${withReason(status)}`;
    if (status !== 401 && status !== 403) {
      const type = headers["content-type"] ?? "no content type";
      return new Problem(`${said} with ${type}, as no registry does; ${checkAddress}`);
    }
    const rights = "as a user or with a token that may pull from there (on GHCR: read:packages)";
    return new Problem(
      (await this.credentials())
        ? `${said} to the credentials that docker login stored; run docker login ${this.host} again, ${rights}`
        : `${said}, and Docker's configuration has no credentials for it; run docker login ${this.host} ${rights}`,
    );
  }

  private credentials(): Promise<Credentials | undefined> {
    return (this.found ??= this.findCredentials());
  }

  /** The token for a challenge; a new one when the known one has expired or is the `refused` one. */
  private async token(challenge: Challenge, until: number, refused?: Token): Promise<Token> {
    const key = JSON.stringify(challenge);
    const pending = this.tokens.get(key);
    if (pending) {
      const known = await pending;
      if (known !== refused && known.expires > performance.now()) return known;
      // Another question may have renewed it meanwhile.
      if (this.tokens.get(key) !== pending) return this.token(challenge, until, refused);
    }
    const fetched = this.fetchToken(challenge, until);
    this.tokens.set(key, fetched);
    fetched.catch(() => this.tokens.delete(key));
    return fetched;
  }

  private async fetchToken(challenge: Challenge, until: number): Promise<Token> {
    const credentials = await this.credentials();
    if (challenge.scheme === "basic") {
      if (credentials && "password" in credentials)
        return { header: basic(credentials), expires: Infinity };
      throw new Problem(
        `the registry wants a user name and a password, which Docker's configuration does not have for it; run docker login ${this.host}`,
      );
    }
    const answer = await this.transport.send(tokenRequest(challenge, credentials), until);
    if (answer.status !== 200) throw await this.refusal(answer);
    return readToken(answer, this.transport.who(answer.url));
  }
}

function signed(request: Request, token: Token | undefined): Request {
  if (!token) return request;
  return { ...request, headers: { ...request.headers, authorization: token.header } };
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function readChallenge({ headers }: Answer, repository: string): Challenge | undefined {
  const text = headers["www-authenticate"] ?? "";
  const bearer = /\bBearer\s+(.*)/is.exec(text)?.[1];
  if (bearer === undefined) return /\bBasic\b/i.test(text) ? { scheme: "basic" } : undefined;
  const value = (name: string): string | undefined =>
    new RegExp(`\\b${name}\\s*=\\s*"([^"]*)"`, "i").exec(bearer)?.[1];
  return {
    scheme: "bearer",
    realm: value("realm") ?? "",
    service: value("service") ?? "",
    scope: value("scope") ?? `repository:${repository}:pull`,
  };
}

function tokenRequest(
  { realm, service, scope }: Extract<Challenge, { scheme: "bearer" }>,
  credentials: Credentials | undefined,
): Request {
  if (!URL.canParse(realm)) {
    throw new Problem(
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
      scope,
    });
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    return { method: "POST", url, headers, body: body.toString() };
  }
  if (service !== "") url.searchParams.set("service", service);
  url.searchParams.set("scope", scope);
  return { method: "GET", url, headers: credentials ? { authorization: basic(credentials) } : {} };
}

/** Life of a token that does not say how long it lives, by the registries' own specification. */
const defaultLifeSeconds = 60;

function readToken({ body }: Answer, who: string): Token {
  const { token, access_token, expires_in } = fields(parseJson(body) ?? {});
  const value = [token, access_token].find((text) => typeof text === "string" && text !== "");
  if (typeof value !== "string")
    throw new Problem(`${who} answered 200 without a token; ${checkAddress}`);
  const seconds = typeof expires_in === "number" ? expires_in : defaultLifeSeconds;
  return { header: `Bearer ${value}`, expires: performance.now() + seconds * 1000 };
}
