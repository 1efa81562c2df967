import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  readdirSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Bytes that a log may have, and how many of them stay when it has more. */
export interface LogLimits {
  readonly largest: number;
  readonly kept: number;
}

const limits: LogLimits = { largest: 16 * 2 ** 20, kept: 2 ** 20 };

/**
 * Empties each log in a folder that has grown too large; its last lines stay in a file `.1` beside it. The servers that
 * write to it may run: they append, and go on at its new end.
 */
export function trimLogs(folder: string, { largest, kept }: LogLimits = limits): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (!name.endsWith(".log") || statSync(file).size <= largest) continue;
    // Not a copy of all, which may be what the disk is full of.
    writeFileSync(`${file}.1`, lastLines(file, kept));
    truncateSync(file);
  }
}

function lastLines(file: string, bytes: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const end = Buffer.alloc(bytes);
    const length = readSync(descriptor, end, 0, bytes, statSync(file).size - bytes);
    return end.subarray(end.indexOf("\n") + 1, length);
  } finally {
    closeSync(descriptor);
  }
}
