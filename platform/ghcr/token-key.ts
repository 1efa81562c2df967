import {
  type KeyObject,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlatformSettings } from "../settings.ts";
import { rehearsalFolder } from "./certificates.ts";
import type { Claims } from "./token-answer.ts";

/** Files of the key by which the registry knows the tokens of its token service; made once. */
export function tokenKey(settings: PlatformSettings): { key: string; keySet: string } {
  const folder = rehearsalFolder(settings);
  const files = { key: join(folder, "token.key"), keySet: join(folder, "token-keys.json") };
  if (existsSync(files.keySet)) return files;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(files.key, pem, { mode: 0o600 });
  const key = { ...publicKey.export({ format: "jwk" }), ...keyHeader(publicKey), use: "sig" };
  writeFileSync(files.keySet, JSON.stringify({ keys: [key] }));
  return files;
}

/** A signed JSON web token. */
export function signToken(claims: Claims, keyFile: string): string {
  const key = createPrivateKey(readFileSync(keyFile));
  const header = { typ: "JWT", ...keyHeader(createPublicKey(key)) };
  const content = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign("sha256", Buffer.from(content), { key, dsaEncoding: "ieee-p1363" });
  return `${content}.${signature.toString("base64url")}`;
}

function keyHeader(key: KeyObject): { alg: string; kid: string } {
  const bytes = key.export({ type: "spki", format: "der" });
  return { alg: "ES256", kid: createHash("sha256").update(bytes).digest("base64url") };
}
