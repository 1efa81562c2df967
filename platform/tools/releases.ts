import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { PlatformError } from "../settings.ts";
import { type Digest, releaseTable } from "./release-table.ts";

/** A published file and what it must be. */
export interface Download {
  readonly url: string;
  /** Published digest of the file. */
  readonly digest: Digest;
}

/** Official release of one tool. Tools with the same URL come in one archive. */
export interface Release extends Download {
  /** Version of the tool, without `v`; the one that is built from source may be another. */
  readonly version: string;
  /** Path of the program in the archive. @default - the file is the program itself */
  readonly member?: string;
}

/** How a download is watched and ended. */
export interface DownloadOptions {
  readonly log: (line: string) => void;
  /** Ends the download. @default - it goes on until all has come */
  readonly signal?: AbortSignal;
}

/** A release cannot be had, and its tool can be built from source instead. A file that was changed is a plain PlatformError. */
export class ReleaseUnavailable extends PlatformError {}

/** How long a server may send nothing. There is no limit in total: a line may be slow. */
const idleSeconds = 30;

const maxRedirects = 5;

/** Official release of a tool for a platform such as `linux/amd64`; undefined where none is pinned. */
export function releaseOf(name: string, platform: string): Release | undefined {
  const entry = releaseTable.find(({ programs }) => Object.hasOwn(programs, name));
  const digest = entry?.digests[platform];
  if (entry === undefined || digest === undefined) return undefined;
  const { version, programs } = entry;
  const architecture = platform.slice(platform.indexOf("/") + 1);
  const fill = (template: string): string =>
    template.replaceAll("{version}", version).replaceAll("{arch}", architecture);
  const release = { version, url: fill(entry.url), digest };
  const member = programs[name];
  return member === undefined ? release : { ...release, member: fill(member) };
}

/** Whether the server of a URL answers anything within `patienceMs`. */
export async function answers(url: string, patienceMs = 3000): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(patienceMs);
    await fetch(url, { method: "HEAD", redirect: "manual", signal });
    return true;
  } catch {
    return false;
  }
}

/**
 * Downloads a file once, verifies it and puts each wanted program in its place, executable. Nothing is left where it cannot.
 *
 * @param files Where the program at each path of the archive goes, all on one file system; undefined stands for the downloaded file
 *   itself.
 * @throws ReleaseUnavailable where the file or a program in it cannot be had; PlatformError where the file is not the published one.
 * @example await fetchRelease(release, new Map([[release.member, "/cache/cosign"]]), { log });
 */
export async function fetchRelease(
  { url, digest }: Download,
  files: ReadonlyMap<string | undefined, string>,
  { log, signal }: DownloadOptions,
): Promise<void> {
  const [beside] = files.values();
  if (beside === undefined) return;
  const draft = mkdtempSync(join(dirname(beside), ".draft-download-"));
  try {
    const download = join(draft, "download");
    const came = await save(url, download, algorithmOf(digest), log, signal);
    if (came !== digest) {
      throw new PlatformError(
        `${url} gave a file with the digest ${came}, but ${digest} is published; nothing of it was kept. Try again on another ` +
          "network: somebody on the way may have changed it, and if it stays so, ask the makers",
      );
    }
    const members = [...files.keys()].filter((member) => member !== undefined);
    const unpacked = join(draft, "unpacked");
    mkdirSync(unpacked);
    if (members.length > 0) await unpack(url, download, members, unpacked, signal);
    for (const [member, file] of files) {
      const program = member === undefined ? download : join(unpacked, member);
      chmodSync(program, 0o755);
      renameSync(program, file);
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function algorithmOf(digest: Digest): string {
  return digest.slice(0, digest.indexOf(":"));
}

/** Streams what a URL answers to a file, and returns its digest. */
async function save(
  url: string,
  file: string,
  algorithm: string,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash(algorithm);
  const idle = new AbortController();
  const timer = setTimeout(() => {
    idle.abort();
  }, idleSeconds * 1000);
  const either = signal ? AbortSignal.any([signal, idle.signal]) : idle.signal;
  let received = 0;
  let size = "";
  try {
    const { headers, body } = await request(url, either);
    const length = headers.get("content-length");
    size = length === null ? "" : ` of ${length}`;
    log(`downloading ${url}${length === null ? "" : ` (${megabytes(Number(length))})`}`);
    const watch = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        timer.refresh();
        received += chunk.length;
        hash.update(chunk);
        yield chunk;
      }
    };
    await pipeline(body, watch, createWriteStream(file), { signal: either });
    return `${algorithm}:${hash.digest("hex")}`;
  } catch (error) {
    signal?.throwIfAborted();
    const got = `${received}${size} bytes`;
    if (idle.signal.aborted) {
      throw new ReleaseUnavailable(
        `${url} sent nothing for ${idleSeconds} s after ${got}; check the network and try again`,
      );
    }
    // What fetch throws for the network; errors of the disk are others.
    if (!(error instanceof TypeError)) throw error;
    throw new ReleaseUnavailable(
      `the download of ${url} ended after ${got}: ${reasonOf(error)}; check the network and try again`,
    );
  } finally {
    clearTimeout(timer);
    // Closes the connections of answers that were not read.
    idle.abort();
  }
}

/** Asks for a file and follows redirects by itself, since fetch would also follow one to a server that is not verified. */
async function request(
  url: string,
  signal: AbortSignal,
): Promise<{ headers: Headers; body: NonNullable<Response["body"]> }> {
  let next = new URL(url);
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    requireVerified(next);
    const { status, statusText, headers, body } = await fetch(next, {
      // The digest is that of the file as it is published.
      headers: { "accept-encoding": "identity" },
      redirect: "manual",
      signal,
    });
    const location = headers.get("location");
    if (status === 200 && body !== null) return { headers, body };
    if (status < 300 || status >= 400 || location === null) {
      throw new ReleaseUnavailable(
        `${next.href} answered ${`${status} ${statusText}`.trim()} instead of the file; try again later`,
      );
    }
    next = new URL(location, next);
  }
  throw new ReleaseUnavailable(
    `${url} redirects more than ${maxRedirects} times; check the network and try again`,
  );
}

function requireVerified({ href, protocol, hostname }: URL): void {
  if (protocol === "https:") return;
  if (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname)) return;
  throw new ReleaseUnavailable(
    `${href} is not asked, since nobody verifies who answers; releases are taken from https only`,
  );
}

function reasonOf(error: Error): string {
  // The cause is the system's error, which has a code but no message where several addresses were tried.
  const cause = (error.cause ?? error) as NodeJS.ErrnoException;
  return cause.message || String(cause.code);
}

async function unpack(
  url: string,
  archive: string,
  members: readonly string[],
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = ["--extract", "--gzip", "--no-same-owner", "--file", archive];
  try {
    await promisify(execFile)("tar", [...options, "--directory", folder, "--", ...members], {
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    // execFile adds what the program said.
    const { stderr = "", message } = error as Error & { stderr?: string };
    throw new ReleaseUnavailable(
      `${members.join(", ")} cannot be unpacked from ${url}: ${stderr.trim() || message}; see that tar and gzip work`,
    );
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
