import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlatformSettings } from "./settings";

/** Makes a folder where it is missing, and returns it. */
export function ensureFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes a server's configuration, which only its owner may read, and returns its path. */
export function writeConfig({ state }: PlatformSettings, name: string, content: string): string {
  const file = join(ensureFolder(join(state, "config")), name);
  // A server that follows its configuration starts again when it is written.
  if (!existsSync(file) || readFileSync(file, "utf8") !== content)
    writeFileSync(file, content, { mode: 0o600 });
  return file;
}

/** A random secret of 24 bytes in hexadecimal that stays the same for the life of the platform. */
export function secret({ state }: PlatformSettings, name: string): string {
  const file = join(ensureFolder(join(state, "secrets")), name);
  if (!existsSync(file)) writeFileSync(file, randomBytes(24).toString("hex"), { mode: 0o600 });
  return readFileSync(file, "utf8");
}

/** A certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed certificate, made once: who trusts it is told so by its file. `altName` is such as `IP:127.0.0.1`. */
export function selfSigned(folder: string, subject: string, altName: string): Certificate {
  ensureFolder(folder);
  const files = { certificate: join(folder, "tls.crt"), key: join(folder, "tls.key") };
  if (existsSync(files.certificate)) return files;
  const args = [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650".split(" "),
    ...["-subj", subject, "-addext", `subjectAltName=${altName}`],
    ...["-keyout", files.key, "-out", files.certificate],
  ];
  execFileSync("openssl", args, { stdio: "ignore" });
  chmodSync(files.key, 0o600);
  return files;
}
