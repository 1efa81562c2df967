import type { IncomingHttpHeaders } from "node:http";

/** Who may do what in a fake registry, whose token service is at `/token`. */
export interface FakeAuth {
  /** Rights of those who have the login, such as `["pull", "push"]`. @default all rights everywhere */
  readonly grants?: (repository: string) => readonly string[];
  /** `user:password` that the token service wants. @default anybody gets tokens */
  readonly login?: string;
  /** Scope of the challenge. @default what the request needs, as distribution has it */
  readonly scope?: string;
}

/** Tokens of a fake registry. */
export class FakeTokens {
  private readonly rights = new Map<string, ReadonlySet<string>>();
  private issued = 0;
  private readonly auth: FakeAuth;
  private readonly scheme: string;

  public constructor(auth: FakeAuth, scheme: string) {
    this.auth = auth;
    this.scheme = scheme;
  }

  /** Makes all tokens so far worth nothing. */
  public revoke(): void {
    this.rights.clear();
  }

  /** A new token for a request to the token service; undefined when its login is wrong. */
  public issue({ searchParams }: URL, headers: IncomingHttpHeaders): string | undefined {
    const { login, grants = () => ["pull", "push", "delete"] } = this.auth;
    const given = headers.authorization?.replace("Basic ", "") ?? "";
    if (login !== undefined && Buffer.from(given, "base64").toString() !== login) return undefined;
    const rights = new Set<string>();
    for (const scope of searchParams.getAll("scope")) {
      const [, repository = "", actions = ""] = /^repository:(.+):([^:]+)$/.exec(scope) ?? [];
      for (const action of actions.split(","))
        if (grants(repository).includes(action)) rights.add(`${repository}:${action}`);
    }
    const token = `token-${++this.issued}`;
    this.rights.set(token, rights);
    return token;
  }

  /** The `WWW-Authenticate` of a request that has no right; undefined when it has one. */
  public challenge(
    method: string,
    repository: string,
    from: string | null,
    headers: IncomingHttpHeaders,
  ): string | undefined {
    const actions = actionsOf(method);
    const needed = [
      ...actions.map((action) => `${repository}:${action}`),
      ...(from === null ? [] : [`${from}:pull`]),
    ];
    const rights = this.rights.get(headers.authorization?.replace("Bearer ", "") ?? "");
    if (rights && needed.every((right) => rights.has(right))) return undefined;
    const scopes = [
      `repository:${repository}:${actions.join(",")}`,
      ...(from === null ? [] : [`repository:${from}:pull`]),
    ];
    const scope = this.auth.scope ?? scopes.join(" ");
    return `Bearer realm="${this.scheme}://${headers.host ?? ""}/token",service="fake",scope="${scope}"`;
  }
}

function actionsOf(method: string): string[] {
  if (method === "DELETE") return ["delete"];
  return method === "GET" || method === "HEAD" ? ["pull"] : ["pull", "push"];
}
