import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { InputError } from "../basics/input-error.ts";

/** Largest file of a source folder in bytes, where the configuration says nothing else: 1 GiB. */
export const defaultLargestFile = 2 ** 30;

/** A file as it was at one moment. */
export interface FileDigest {
  /** SHA-256 of the content, in hex. */
  readonly digest: string;
  /** Type and permission bits. */
  readonly mode: number;
}

const mostReads = 5;
const pauseMs = 20;
const chunk = Buffer.alloc(256 * 1024);

/**
 * Hashes a file that does not change meanwhile; one that does is read again after a pause.
 *
 * @throws InputError when it is no plain file, is larger than `largest` bytes, cannot be read or keeps changing.
 */
export function digestFile(path: string, largest: number): FileDigest {
  for (let reads = 1; reads <= mostReads; reads++) {
    const digest = readOnce(path, largest);
    if (digest !== undefined) return digest;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
  }
  throw new InputError(
    `${path} changed each of the ${mostReads} times it was read; ` +
      `run the command again when it is at rest, or list it in the ignore file`,
  );
}

/** Says that the file or folder at `path` cannot be read because of `error`. */
export function unreadable(path: string, error: unknown): InputError {
  const reason = error instanceof Error ? error.message : String(error);
  return new InputError(
    `${path} cannot be read (${reason}); make it readable or list it in the ignore file`,
  );
}

/** Says that what is at `path` has no content. */
export function notAFile(path: string): InputError {
  return new InputError(
    `${path} is neither a file, a folder nor a link; remove it or list it in the ignore file`,
  );
}

function readOnce(path: string, largest: number): FileDigest | undefined {
  let file: number | undefined;
  try {
    // A link or a named pipe may have taken the place of the file that was listed.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const before = fstatSync(file);
    if (!before.isFile()) throw notAFile(path);
    if (before.size > largest) throw tooLarge(path, before.size, largest);
    const hash = createHash("sha256");
    for (let length = readSync(file, chunk); length > 0; length = readSync(file, chunk))
      hash.update(chunk.subarray(0, length));
    const after = fstatSync(file);
    const same =
      after.size === before.size &&
      after.mtimeMs === before.mtimeMs &&
      after.ctimeMs === before.ctimeMs;
    return same ? { digest: hash.digest("hex"), mode: after.mode } : undefined;
  } catch (error) {
    throw error instanceof InputError ? error : unreadable(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function tooLarge(path: string, size: number, largest: number): InputError {
  return new InputError(
    `${path} has ${inMiB(size)}, and files up to ${inMiB(largest)} are taken; list it in the ignore file, ` +
      `or raise the limit with the configuration key "largestFile"`,
  );
}

function inMiB(bytes: number): string {
  return bytes < 2 ** 20
    ? `${bytes} bytes`
    : `${bytes} bytes (${(bytes / 2 ** 20).toFixed(1)} MiB)`;
}
