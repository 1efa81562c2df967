import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { PlatformError, project } from "../settings.ts";
import { isWritable, ownerOf } from "./ownership.ts";
import { type Release, awaitLock, codeOf, userName } from "./process-lock.ts";

/** A file or folder that checkouts share. */
export interface Shared {
  readonly path: string;
  /** What it is, for messages, such as `helm 4.3.1`. */
  readonly label: string;
  readonly log: (line: string) => void;
}

/** Fills a folder and returns the path of what is wanted in it; undefined where there is nothing. */
export type Fill = (draft: string) => string | undefined | Promise<string | undefined>;

/**
 * Makes a file or folder that is taken for complete when it is there, whole or not at all. Of several processes that
 * want it at once one makes it, and the others wait and say so.
 *
 * @param isThere whether what is there is complete. @default - whether something is there
 * @returns whether it was made here.
 * @throws PlatformError where it is missing and its folder cannot be written.
 */
export async function makeOnce(
  shared: Shared,
  fill: Fill,
  isThere: () => boolean = () => existsSync(shared.path),
): Promise<boolean> {
  if (isThere()) return false;
  return whileAlone(shared, async () => !isThere() && replace(shared.path, fill));
}

/** Runs `body` while no other process does the same for this path; waits for one that does, and says so. */
export async function whileAlone<T>(
  { path, label, log }: Shared,
  body: () => Promise<T>,
): Promise<T> {
  const release = await lockOf({ path, label, log });
  try {
    return await body();
  } finally {
    release();
  }
}

async function lockOf({ path, label, log }: Shared): Promise<Release> {
  try {
    return await awaitLock(`${path}.lock`, `the checkout ${project}`, ({ command, pid }) => {
      log(`${label}: waiting for ${command} (process ${pid}), which makes it`);
    });
  } catch (error) {
    const folder = dirname(path);
    if (codeOf(error) === "" || isWritable(folder)) throw error;
    const owner = ownerOf(folder);
    throw new PlatformError(
      `${label} is missing in ${folder}, which belongs to ${owner} and cannot be written by ${userName()}; ` +
        `set TINYOLLY_CACHE to a folder of your own, or have the cache filled there by make platform-up, as ${owner} and where it is writable`,
    );
  }
}

/**
 * Puts what `fill` makes in the place of a file or folder: whole or not at all, whatever ends this process or machine.
 * Nobody else may do so at the same time, see {@link whileAlone}. Returns whether there was something to put there.
 */
export async function replace(path: string, fill: Fill): Promise<boolean> {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const prefix = `.draft-${basename(path)}-`;
  removeDrafts(folder, prefix);
  const draft = mkdtempSync(join(folder, prefix));
  try {
    const made = join(draft, "new");
    mkdirSync(made);
    const filled = await fill(made);
    if (filled === undefined) return false;
    flush(filled);
    if (lstatSync(filled).isDirectory()) {
      chmodSync(filled, 0o755);
      // A folder replaces only an empty one, and to delete the other first would leave half of it for a while.
      if (existsSync(path)) renameSync(path, join(draft, "old"));
    }
    renameSync(filled, path);
    return true;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What ended processes left: nobody else makes this now. */
function removeDrafts(folder: string, prefix: string): void {
  const length = prefix.length + "XXXXXX".length;
  for (const name of readdirSync(folder))
    if (name.length === length && name.startsWith(prefix))
      rmSync(join(folder, name), { recursive: true, force: true });
}

/** Without it, a machine that stops may keep the name and lose the content. */
function flush(path: string): void {
  const stats = lstatSync(path);
  if (stats.isDirectory()) for (const name of readdirSync(path)) flush(join(path, name));
  if (!stats.isFile()) return;
  const descriptor = openSync(path, "r");
  fsyncSync(descriptor);
  closeSync(descriptor);
}
