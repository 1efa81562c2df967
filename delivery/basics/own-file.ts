import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { InputError } from "./input-error.ts";

/** Bytes by which a kind of file is known. */
const beginBytes = 1024;

/**
 * Refuses to write a file in the place of another one that was not written here, so that nothing of the user's is lost.
 *
 * @param kind As users call it, such as `page`.
 * @param isOwn Whether a file that begins like this was written here.
 * @throws InputError when it was not, and when it cannot be read.
 */
export function requireOwnFile(
  file: string,
  kind: string,
  isOwn: (begin: Buffer) => boolean,
): void {
  if (!existsSync(file)) return;
  if (!isOwn(readBegin(file)))
    throw new InputError(`${file} is there already, and is no ${kind}; name another file`);
}

function readBegin(file: string): Buffer {
  const begin = Buffer.alloc(beginBytes);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, "r");
    return begin.subarray(0, readSync(descriptor, begin));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file} cannot be read: ${reason}; name another file`);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
