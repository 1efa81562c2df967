import { createHash } from "node:crypto";
import { type Stats, createReadStream, statSync } from "node:fs";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { codeOf } from "./failure.ts";
import type { Descriptor, Source } from "./types.ts";

const pieceBytes = 64 * 1024;

/**
 * Opens the bytes of a blob, from memory or from a file, and checks them against its descriptor while they are read.
 *
 * @throws InputError when they are not the blob.
 */
export function sourceOf(descriptor: Descriptor, from: Buffer | string): Source {
  const { digest, size } = descriptor;
  const what = typeof from === "string" ? from : "what is to be pushed";
  const length = typeof from === "string" ? sizeOf(from) : from.length;
  if (length !== size)
    throw new InputError(`${what} has ${length} bytes, but ${digest} has ${size}; make it again`);
  if (typeof from !== "string") requireSame(what, `sha256:${sha256(from)}`, digest);
  return {
    size,
    open: () => (typeof from === "string" ? readFile(from, descriptor) : pieces(from)),
  };
}

function sizeOf(file: string): number {
  const status = statOf(file);
  if (!status.isFile()) throw new InputError(`${file} is no file; make it again`);
  return status.size;
}

function statOf(file: string): Stats {
  try {
    return statSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** Reads a file in pieces. The last one waits for the check, so that no registry gets the whole of other bytes. */
async function* readFile(file: string, { digest, size }: Descriptor): AsyncIterable<Buffer> {
  const hash = createHash("sha256");
  let last: Buffer | undefined;
  try {
    const stream = createReadStream(file, { highWaterMark: pieceBytes, end: size - 1 });
    // A stream of a file without encoding has buffers.
    for await (const piece of stream as AsyncIterable<Buffer>) {
      hash.update(piece);
      if (last) yield last;
      last = piece;
    }
  } catch (error) {
    throw unreadable(file, error);
  }
  requireSame(file, `sha256:${hash.digest("hex")}`, digest);
  if (last) yield last;
}

/** Cuts bytes into pieces, since the time limit is for one piece. */
async function* pieces(bytes: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes)
    yield await Promise.resolve(bytes.subarray(at, at + pieceBytes));
}

function requireSame(what: string, digest: string, expected: string): void {
  if (digest !== expected)
    throw new InputError(
      `${what} has the digest ${digest}, but must have ${expected}; make it again`,
    );
}

function unreadable(file: string, error: unknown): InputError {
  return new InputError(`${file} cannot be read (${codeOf(error)}); make it again`);
}
