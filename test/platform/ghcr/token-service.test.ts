import { mkdirSync, readFileSync, writeFileSync, mkdtempSync, rmSync } from "node:fs";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type AccountName,
  accountsFile,
  rehearsalToken,
  setPrivatePackages,
} from "../../../platform/ghcr/accounts.ts";
import { rehearsalAuthority } from "../../../platform/ghcr/certificates.ts";
import { rehearsalFactories, storageFolder } from "../../../platform/ghcr/servers.ts";
import { logFile, startService, stopService } from "../../../platform/machine/processes.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { freePort } from "../../free-port.ts";

let settings: PlatformSettings;

beforeAll(async () => {
  settings = readPlatformSettings({
    TINYOLLY_STATE: mkdtempSync(join(tmpdir(), "tinyolly-test-")),
    TINYOLLY_PORT_REHEARSAL_TOKENS: String(await freePort()),
  });
  const [tokens] = rehearsalFactories;
  if (!tokens) throw new Error("there is no token service");
  for (const name of ["o/app", "o/secret"]) {
    const folder = join(storageFolder(settings, "registry"), "docker/registry/v2/repositories");
    mkdirSync(join(folder, name, "_manifests"), { recursive: true });
  }
  setPrivatePackages(settings, ["o/secret"]);
  await startService(settings.state, tokens(settings));
});

afterAll(async () => {
  await stopService(settings.state, "rehearsal-tokens");
  rmSync(settings.state, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: {
    readonly token?: string;
    readonly access_token?: string;
    readonly errors?: unknown;
  };
}

/** Asks over TLS, which is verified by the private authority alone. */
function ask(
  path: string,
  account?: AccountName | { password: string },
  options: https.RequestOptions = {},
  body = "",
): Promise<Answer> {
  const password =
    typeof account === "string" ? rehearsalToken(settings, account) : account?.password;
  const auth = password === undefined ? {} : { auth: `me:${password}` };
  const ca = readFileSync(rehearsalAuthority(settings).certificate);
  const url = `https://localhost:${settings.rehearsalPorts.tokens}${path}`;
  return new Promise((resolve, reject) => {
    const sent = https.request(url, { agent: false, ca, ...auth, ...options }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          challenge: response.headers["www-authenticate"],
          // All answers are JSON.
          body: JSON.parse(text) as Answer["body"],
        });
      });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function claims(token = ""): unknown {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
}

const pull = "/token?service=ghcr.tinyolly.test&scope=repository:o/app:pull";

test("a client that does not know the authority does not speak to it", async () => {
  await expect(ask(pull, undefined, { ca: [] })).rejects.toThrow(/certificate/);
});

test("a token says who may do what, and the answer does not say how long", async () => {
  const { status, body } = await ask(`${pull},push`, "writer");
  expect(status).toBe(200);
  expect(Object.keys(body)).toEqual(["token"]);
  expect(claims(body.token)).toMatchObject({
    iss: "ghcr.tinyolly.test",
    aud: "ghcr.tinyolly.test",
    sub: "writer",
    access: [{ type: "repository", name: "o/app", actions: ["pull", "push"] }],
  });
});

test("a refresh token is traded by POST", async () => {
  const form = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: rehearsalToken(settings, "reader"),
    scope: "repository:o/app:pull,push",
  });
  const { status, body } = await ask("/token", undefined, { method: "POST" }, form.toString());
  expect(status).toBe(200);
  expect(claims(body.access_token)).toMatchObject({ access: [{ actions: ["pull"] }] });
});

test("a refusal has the registry's form, and a challenge where credentials would help", async () => {
  expect(await ask(pull, { password: "wrong" })).toEqual({
    status: 403,
    challenge: undefined,
    body: { errors: [{ code: "DENIED", message: "denied" }] },
  });
  expect(await ask("/token?scope=repository:o/secret:pull")).toEqual({
    status: 401,
    challenge: `Bearer realm="https://ghcr.tinyolly.test:${settings.rehearsalPorts.tokens}/token",service="ghcr.tinyolly.test",scope="repository:o/secret:pull"`,
    body: { errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] },
  });
  expect((await ask("/token?scope=repository:o/missing:pull")).status).toBe(403);
});

test("packages and accounts change while it runs", async () => {
  expect((await ask(pull)).status).toBe(200);
  setPrivatePackages(settings, ["*"]);
  expect((await ask(pull)).status).toBe(401);
  setPrivatePackages(settings, ["o/secret"]);
  expect((await ask(pull)).status).toBe(200);
  const file = accountsFile(settings);
  const accounts = readFileSync(file, "utf8");
  expect((await ask(pull, "owner")).status).toBe(200);
  const password = rehearsalToken(settings, "owner");
  writeFileSync(file, "[]");
  expect((await ask(pull, { password })).status).toBe(403);
  writeFileSync(file, accounts);
});

test("a request that is too long ends it for nobody else", async () => {
  const long = ask("/token", undefined, { method: "POST" }, "x".repeat(100_000));
  await expect(long).rejects.toThrow();
  expect((await ask(pull)).status).toBe(200);
});

test("its log names accounts and scopes, and no secret", async () => {
  await ask(`${pull},push`, "hasty");
  const log = readFileSync(logFile(settings.state, "rehearsal-tokens"), "utf8");
  expect(log).toMatch(
    /^\S+Z GET 200 hasty may o\/app:pull,push for 2 s, asked: repository:o\/app:pull,push$/m,
  );
  expect(log).toMatch(/^\S+Z GET 403 DENIED repository:o\/app:pull$/m);
  expect(log).toMatch(/^\S+Z POST 200 reader may o\/app:pull for 300 s/m);
  const names: AccountName[] = ["writer", "reader", "owner", "expired", "hasty"];
  const secrets = names.map((name) => rehearsalToken(settings, name));
  for (const secret of [...secrets, "eyJ"]) expect(log).not.toContain(secret);
});
