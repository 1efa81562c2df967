import { existsSync, statSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatBytes } from "../report/table.ts";
import { PlatformError, type PlatformSettings } from "../settings.ts";
import { isWritable } from "./ownership.ts";
import { rootFolder } from "./root.ts";

/** Bytes that must be free on each file system that `up` writes to. */
export const neededBytes = 2 ** 30;

/** What a file system says of itself. */
export interface FileSystem {
  /** Tells it from others. */
  readonly device: number;
  /** Bytes that this user may still write. */
  readonly free: number;
}

/**
 * Refuses to go on where the state folder, that of root's servers or the tool cache has less than {@link neededBytes} free: a server whose data
 * cannot be written may not start again, and a tool that is half built is of no use.
 *
 * @param read tells of the file system of a folder that exists. @default - asks the kernel
 * @throws PlatformError with the folders, what is free, what is needed and what frees space.
 */
export function requireSpace(
  settings: PlatformSettings,
  read: (folder: string) => FileSystem = readFileSystem,
): void {
  const { state, cache } = settings;
  // All tools may be in a cache that is only read, which has nothing free.
  const folders = new Set([state, rootFolder(settings), ...(isWritable(cache) ? [cache] : [])]);
  const places = [...folders].map((folder) => ({ folder, ...read(nearest(folder)) }));
  const full = places.filter(({ free }) => free < neededBytes);
  if (full.length === 0) return;
  const devices = full.map(({ device }) => device);
  const each = full.filter(({ device }, i) => devices.indexOf(device) === i);
  const list = each.map(({ folder, free }) => `${formatBytes(free)} free for ${folder}`);
  const cures = [
    ...(full.some(({ folder }) => folder !== cache)
      ? ["make platform-reset deletes the platform's data"]
      : []),
    ...(full.some(({ folder }) => folder === cache)
      ? [`folders of old versions in ${join(cache, "tools")} can go`]
      : []),
  ];
  throw new PlatformError(
    `there are only ${list.join(" and ")}, but the platform needs ${formatBytes(neededBytes)}; ${cures.join(", and ")}`,
  );
}

/** Bytes that a build of programs needs for a while, measured and rounded up: what all need, and each of them. */
const buildBytes = { all: 2e9, each: 4e8 };

/**
 * Refuses to build programs from source where their folder has too little free for what they need until they are built.
 *
 * @param before bytes that an earlier build has left there for this one.
 * @throws PlatformError with the folder, what is free, what is needed and what can be done.
 */
export function requireBuildSpace(
  folder: string,
  programs: number,
  before: number,
  read: (folder: string) => FileSystem = readFileSystem,
): void {
  const needed = Math.max(0, buildBytes.all + programs * buildBytes.each - before);
  const { free } = read(nearest(folder));
  if (free >= needed) return;
  throw new PlatformError(
    `there are only ${formatBytes(free)} free for ${folder}, but to build ${programs} programs from source takes up to ` +
      `${formatBytes(needed)} until they are built; free some, or set TINYOLLY_CACHE to a folder of a larger disk`,
  );
}

/** Bytes that this user may still write where a folder is, or will be. */
export function freeBytes(folder: string): number {
  return readFileSystem(nearest(folder)).free;
}

function readFileSystem(folder: string): FileSystem {
  const { bavail, bsize } = statfsSync(folder);
  return { device: statSync(folder).dev, free: bavail * bsize };
}

/** The folder, or the nearest above it that exists. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}
