import { existsSync, statSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { isWritable } from "./ownership";
import { PlatformError, type PlatformSettings } from "./settings";
import { formatBytes } from "./table";

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
 * Refuses to go on where the state folder or the tool cache has less than {@link neededBytes} free: a server whose data
 * cannot be written may not start again, and a tool that is half built is of no use.
 *
 * @param read tells of the file system of a folder that exists. @default - asks the kernel
 * @throws PlatformError with the folders, what is free, what is needed and what frees space.
 */
export function requireSpace(
  { state, cache }: PlatformSettings,
  read: (folder: string) => FileSystem = readFileSystem,
): void {
  const inState = read(nearest(state));
  const inCache = read(nearest(cache));
  const fullState = inState.free < neededBytes;
  // All tools may be in a cache that is only read, which has nothing free.
  const fullCache = isWritable(cache) && inCache.free < neededBytes;
  if (!fullState && !fullCache) return;
  const one = inState.device === inCache.device;
  const full = [
    ...(fullState ? [`${formatBytes(inState.free)} free for ${state}`] : []),
    ...(fullCache && !one ? [`${formatBytes(inCache.free)} free for ${cache}`] : []),
  ];
  const cures = [
    ...(fullState ? ["make platform-reset deletes the platform's data"] : []),
    ...(fullCache || one ? [`folders of old versions in ${join(cache, "tools")} can go`] : []),
  ];
  throw new PlatformError(
    `there are only ${full.join(" and ")}, but the platform needs ${formatBytes(neededBytes)}; ${cures.join(", and ")}`,
  );
}

function readFileSystem(folder: string): FileSystem {
  const { bavail, bsize } = statfsSync(folder);
  return { device: statSync(folder).dev, free: bavail * bsize };
}

/** The folder, or the nearest above it that exists. */
function nearest(folder: string): string {
  return existsSync(folder) ? folder : nearest(dirname(folder));
}
