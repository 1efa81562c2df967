import { createPublicKey, verify } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rehearsalFactories, storageFolder } from "../../../platform/ghcr/servers.ts";
import { signToken, tokenKey } from "../../../platform/ghcr/token-key.ts";
import type { Service } from "../../../platform/machine/processes.ts";
import {
  type PlatformSettings,
  project,
  readPlatformSettings,
} from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

const settings = (): PlatformSettings =>
  readPlatformSettings({
    TINYOLLY_STATE: folderWith({}),
    TINYOLLY_PORT_REHEARSAL_REGISTRY: "49500",
    TINYOLLY_PORT_REHEARSAL_TOKENS: "49501",
    TINYOLLY_PORT_AIRGAP: "49502",
  });

function services(platform: PlatformSettings): Service[] {
  return rehearsalFactories.map((factory) => factory(platform));
}

function config({ state }: PlatformSettings, name: string): unknown {
  const file = join(state, "config", `${name}.json`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return JSON.parse(readFileSync(file, "utf8")) as unknown;
}

test("the token service starts before the registry that needs it", () => {
  expect(services(settings()).map(({ name, address }) => [name, address])).toEqual([
    ["rehearsal-tokens", "127.0.0.1:49501"],
    ["rehearsal-registry", "127.0.0.1:49500"],
    ["airgap-registry", "127.0.0.1:49502"],
  ]);
});

test("the registry speaks TLS, and believes the tokens of its token service only", () => {
  const platform = settings();
  const [, registry] = services(platform);
  const folder = join(platform.state, "rehearsal");
  expect(registry?.command).toEqual([
    "registry",
    "serve",
    join(platform.state, "config/rehearsal-registry.json"),
  ]);
  expect(config(platform, "rehearsal-registry")).toMatchObject({
    storage: {
      filesystem: { rootdirectory: storageFolder(platform, "registry") },
      delete: { enabled: true },
    },
    http: {
      addr: "127.0.0.1:49500",
      relativeurls: true,
      tls: { certificate: join(folder, "tls/tls.crt"), key: join(folder, "tls/tls.key") },
    },
    auth: {
      token: {
        realm: "https://ghcr.tinyolly.test:49501/token",
        service: "ghcr.tinyolly.test",
        issuer: "ghcr.tinyolly.test",
        jwks: join(folder, "token-keys.json"),
      },
    },
  });
});

test("the token service is told where the registry keeps its packages, and no secret by its command", () => {
  const platform = settings();
  const [tokens] = services(platform);
  const folder = join(platform.state, "rehearsal");
  expect(tokens?.command).toEqual([
    process.execPath,
    join(project, "platform/ghcr/token-service.ts"),
    join(platform.state, "config/rehearsal-tokens.json"),
  ]);
  expect(config(platform, "rehearsal-tokens")).toEqual({
    port: 49501,
    realm: "https://ghcr.tinyolly.test:49501/token",
    service: "ghcr.tinyolly.test",
    certificate: join(folder, "tls/tls.crt"),
    key: join(folder, "tls/tls.key"),
    tokenKey: join(folder, "token.key"),
    accounts: join(folder, "accounts.json"),
    privatePackages: join(folder, "private-packages.json"),
    storage: join(folder, "registry"),
  });
});

test("the registry without network asks for nothing, and keeps its images apart", () => {
  const platform = settings();
  services(platform);
  const { http, auth, storage } = config(platform, "airgap-registry") as Record<string, object>;
  expect(http).not.toHaveProperty("tls");
  expect(auth).toBeUndefined();
  expect(storage).toMatchObject({
    filesystem: { rootdirectory: join(platform.state, "rehearsal/airgap") },
  });
});

test("tokens are signed with a key that only its owner may read, and that the registry knows by its name", () => {
  const platform = settings();
  const files = tokenKey(platform);
  expect(tokenKey(platform)).toEqual(files);
  expect(statSync(files.key).mode & 0o777).toBe(0o600);
  const claims = { iss: "s", sub: "", aud: "s", iat: 1, nbf: 1, exp: 2, access: [] };
  const [header = "", body = "", signature = ""] = signToken(claims, files.key).split(".");
  // A JSON web key set.
  const { keys } = JSON.parse(readFileSync(files.keySet, "utf8")) as {
    keys: [{ kty: string; kid: string; d?: string }];
  };
  expect(keys[0].d).toBeUndefined();
  expect(JSON.parse(Buffer.from(header, "base64url").toString())).toEqual({
    typ: "JWT",
    alg: "ES256",
    kid: keys[0].kid,
  });
  expect(JSON.parse(Buffer.from(body, "base64url").toString())).toEqual(claims);
  const key = createPublicKey({ key: keys[0], format: "jwk" });
  const bytes = Buffer.from(`${header}.${body}`);
  const signed = Buffer.from(signature, "base64url");
  expect(verify("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }, signed)).toBe(true);
});
