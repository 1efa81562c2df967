import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, lstatSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { variable } from "../../delivery/basics/variable.ts";
import { PlatformError } from "../settings.ts";

/** Whether this user may write a file or folder, or make it where it is missing. */
export function isWritable(path: string): boolean {
  try {
    accessSync(nearest(path), constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Name of the user who owns a file or folder, or the nearest above it that exists; the number of one without a name. */
export function ownerOf(path: string): string {
  const { uid } = statSync(nearest(path));
  const name = spawnSync("id", ["--name", "--user", String(uid)], { encoding: "utf8" });
  return name.status === 0 ? name.stdout.trim() : String(uid);
}

/**
 * Refuses a tool cache with anything on these paths that another ordinary user could have written: its programs run as
 * root. The user who called sudo counts as this one.
 *
 * @throws PlatformError with the path, whose it is, and what to do.
 */
export function requireOwn(
  cache: string,
  paths: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): void {
  const own = process.getuid?.();
  const caller = own === 0 ? variable(env, "SUDO_UID") : undefined;
  const trusted = [0, own, caller === undefined ? undefined : Number(caller)];
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const { uid, mode } = lstatSync(path);
    const open = (mode & 0o002) !== 0;
    if (trusted.includes(uid) && !open) continue;
    const cure = open ? `chmod o-w ${path}` : `sudo chown -R root ${cache}`;
    throw new PlatformError(
      `the programs of the tool cache ${cache} run as root, but ${path} ` +
        `${open ? "may be written by anybody" : `belongs to ${ownerOf(path)}`}; ` +
        `set TINYOLLY_CACHE to a folder of your own, or, if you trust what is in there, ${cure}`,
    );
  }
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}
