import {
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { parseJson } from "./json-fields.ts";

const oneMonth = 30 * 24 * 60 * 60 * 1000;

/** What was kept in a file as JSON; undefined where there is nothing. */
export function readKept(file: string): unknown {
  try {
    const value = parseJson(readFileSync(file));
    utimesSync(file, new Date(), new Date());
    return value;
  } catch {
    return undefined;
  }
}

/**
 * Keeps a value as JSON in a file whose name says all that decides it, until nobody has read it for a month. Without a place to keep
 * it, it is made once more the next time.
 */
export function keep(file: string, value: unknown): void {
  try {
    const folder = dirname(file);
    // Rendered Secrets are among it.
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      const old = join(folder, name);
      const { mtimeMs = Date.now() } = statSync(old, { throwIfNoEntry: false }) ?? {};
      if (Date.now() - mtimeMs > oneMonth) rmSync(old, { force: true });
    }
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, JSON.stringify(value), { mode: 0o600 });
    renameSync(draft, file);
  } catch {
    // Said above.
  }
}
