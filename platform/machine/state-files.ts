import { execFileSync } from "node:child_process";
import { X509Certificate, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { PlatformError, type PlatformSettings } from "../settings.ts";

/** Makes a folder where it is missing, and returns it. */
export function ensureFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Writes a server's configuration, which only its owner may read, and returns its path. */
export function writeConfig({ state }: PlatformSettings, name: string, content: string): string {
  const file = join(ensureFolder(join(state, "config")), name);
  // A server that follows its configuration starts again when it is written.
  writeIfOther(file, content);
  return file;
}

/** Writes a file that only its owner may read, unless it has this content already. */
export function writeIfOther(file: string, content: string): void {
  if (!existsSync(file) || readFileSync(file, "utf8") !== content) writeWhole(file, content);
}

/** In one step: whatever ends this program or the machine, there is never half a file. */
function writeWhole(file: string, content: string): void {
  const draft = `${file}.${process.pid}`;
  try {
    writeFileSync(draft, content, { mode: 0o600, flush: true });
    renameSync(draft, file);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** A random secret of 24 bytes in hexadecimal that stays the same for the life of the platform. */
export function secret({ state }: PlatformSettings, name: string): string {
  const file = join(ensureFolder(join(state, "secrets")), name);
  if (!existsSync(file)) writeWhole(file, randomBytes(24).toString("hex"));
  return readFileSync(file, "utf8");
}

/** A certificate and its key. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A self-signed certificate, made once: who trusts it is told so by its file. `altName` is such as `IP:127.0.0.1`. */
export function selfSigned(
  folder: string,
  subject: string,
  altName: string,
  name = "tls.crt",
): Certificate {
  return certificate(folder, name, subject, [`subjectAltName=${altName}`]);
}

/** A certificate authority of this platform alone, made once; who trusts it is given `ca.pem`. */
export function authority(folder: string, subject: string): Certificate {
  return certificate(folder, "ca.pem", subject, ["keyUsage=critical,keyCertSign,cRLSign"]);
}

/** A server's certificate by an authority of {@link authority}, made once. `altName` is such as `IP:127.0.0.1`. */
export function signed(
  folder: string,
  by: Certificate,
  subject: string,
  altName: string,
): Certificate {
  const extensions = [
    `subjectAltName=${altName}`,
    "basicConstraints=critical,CA:FALSE",
    "extendedKeyUsage=serverAuth",
  ];
  const args = ["-CA", by.certificate, "-CAkey", by.key];
  return certificate(folder, "tls.crt", subject, extensions, args);
}

const certificateNames = ["tls.crt", "ca.pem", "apiserver.crt"];

/**
 * Refuses to go on while the clock is outside the life of a certificate that is below a folder: servers and their clients
 * would refuse each other without a word of the clock.
 *
 * @throws PlatformError with the file, its life, the clock, and what to do.
 */
export function requireClock(folder: string, now = new Date()): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!certificateNames.includes(basename(name))) continue;
    const file = join(folder, name);
    const { validFrom, validTo } = new X509Certificate(readFileSync(file));
    const [from, to] = [new Date(validFrom), new Date(validTo)];
    if (from <= now && now <= to) continue;
    const [start, end, clock] = [from, to, now].map((date) => date.toISOString());
    throw new PlatformError(
      `the clock of this machine says ${clock ?? ""}, but ${file} is valid from ${start ?? ""} to ${end ?? ""}; ` +
        `set the clock, or make platform-reset and start again, which makes new certificates`,
    );
  }
}

function certificate(
  folder: string,
  name: string,
  subject: string,
  extensions: readonly string[],
  more: readonly string[] = [],
): Certificate {
  ensureFolder(folder);
  const file = join(folder, name);
  const files = { certificate: file, key: file.replace(/\.\w+$/, ".key") };
  if (existsSync(files.certificate)) return files;
  const args = [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650".split(" "),
    ...["-subj", subject, ...extensions.flatMap((extension) => ["-addext", extension]), ...more],
    ...["-keyout", files.key, "-out", `${file}.draft`],
  ];
  execFileSync("openssl", args, { stdio: "ignore" });
  chmodSync(files.key, 0o600);
  // Whole, and last, since it says that the key is there as well.
  renameSync(`${file}.draft`, file);
  return files;
}
