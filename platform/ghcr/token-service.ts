/**
 * The token service of the rehearsal's registry: `node platform/ghcr/token-service.ts FILE`,
 * where FILE holds a {@link TokenServiceSettings}. It logs who asked for what and what came of it, but no secret.
 */
import { existsSync, readFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import type { Account } from "./accounts.ts";
import { type Grant, type Visibility, answerToken, claimsOf } from "./token-answer.ts";
import { signToken } from "./token-key.ts";

/** How the token service is started. Accounts and private packages are read again for each request. */
export interface TokenServiceSettings {
  /** Port on loopback. */
  readonly port: number;
  /** Address of the service, for clients that have to say who they are. */
  readonly realm: string;
  /** Name of the registry as tokens have it. */
  readonly service: string;
  /** Files of certificate and key for TLS. */
  readonly certificate: string;
  readonly key: string;
  /** File of the key that signs tokens. */
  readonly tokenKey: string;
  /** File with a list of {@link Account}. */
  readonly accounts: string;
  /** File with a list of repositories that nobody pulls without a token; `*` are all. */
  readonly privatePackages: string;
  /** Folder of the registry, which tells packages that there are from others. */
  readonly storage: string;
}

const mostBytes = 64 * 1024;

function main(): void {
  const file = process.argv[2] ?? "";
  // servers.ts writes exactly this type.
  const settings = JSON.parse(readFileSync(file, "utf8")) as TokenServiceSettings;
  const tls = { cert: readFileSync(settings.certificate), key: readFileSync(settings.key) };
  const server = createServer(tls, (request, response) => {
    handle(settings, request, response).catch((error: unknown) => {
      process.stdout.write(`failed: ${String(error)}\n`);
      response.destroy();
    });
  });
  server.listen(settings.port, "127.0.0.1");
}

async function handle(
  settings: TokenServiceSettings,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "", url = "" } = request;
  const { authorization } = request.headers;
  const body = await readBody(request);
  const answer = answerToken(
    { method, url, authorization, body },
    {
      // accounts.ts writes exactly this type.
      accounts: readJson(settings.accounts) as Account[],
      visibility: (repository) => visibility(settings, repository),
    },
  );
  const scopes = [new URL(url, settings.realm).searchParams, new URLSearchParams(body)].flatMap(
    (parameters) => parameters.getAll("scope"),
  );
  if ("status" in answer) {
    const { status, code, message } = answer;
    log([method, String(status), code, ...scopes]);
    send(response, status, { errors: [{ code, message }] }, challenge(settings, status, scopes));
    return;
  }
  log([method, "200", describe(answer), ...scopes]);
  const now = Math.floor(Date.now() / 1000);
  const token = signToken(claimsOf(answer, settings.service, now), settings.tokenKey);
  // GHCR does not say how long a token lives.
  send(response, 200, { [answer.field]: token });
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    // What a stream with an encoding yields.
    text += chunk as string;
    if (text.length > mostBytes) throw new Error(`a request of over ${mostBytes} bytes`);
  }
  return text;
}

function visibility({ storage, privatePackages }: TokenServiceSettings, name: string): Visibility {
  const manifests = join(storage, "docker/registry/v2/repositories", name, "_manifests");
  if (!existsSync(manifests)) return "missing";
  // setPrivatePackages writes exactly this type.
  const hidden = readJson(privatePackages) as string[];
  return hidden.includes("*") || hidden.includes(name) ? "private" : "public";
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function challenge(
  { realm, service }: TokenServiceSettings,
  status: number,
  scopes: readonly string[],
): Record<string, string> {
  if (status !== 401) return {};
  const text = `Bearer realm="${realm}",service="${service}",scope="${scopes.join(" ")}"`;
  return { "www-authenticate": text };
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

function describe({ subject, access, lifeSeconds }: Grant): string {
  const rights = access.map(({ name, actions }) => `${name}:${actions.join(",")}`).join(" ");
  return `${subject || "anonymous"} may ${rights || "nothing"} for ${lifeSeconds} s, asked:`;
}

function log(words: readonly string[]): void {
  // A client may put anything into a scope.
  const line = words.join(" ").replaceAll(/[^\x20-\x7e]/g, "?");
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

main();
