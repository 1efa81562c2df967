import { mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { PlatformSettings } from "../settings.ts";
import type { FoundTool, Tool } from "./find.ts";

/** Folder with a link to each tool of a platform. */
export function toolFolder({ state }: PlatformSettings): string {
  return join(state, "bin");
}

/**
 * Makes `folder` hold exactly one link for each tool, so that PATH needs one entry; those of `others` stay as they are. Links that
 * are right stay as well: they may be in use.
 */
export function linkTools(
  found: Iterable<FoundTool>,
  folder: string,
  others: readonly Tool[] = [],
): void {
  mkdirSync(folder, { recursive: true });
  const links = new Map([...found].map(({ tool, path }) => [tool.name, path]));
  const kept = new Set([...links.keys(), ...others.map(({ name }) => name)]);
  for (const name of readdirSync(folder))
    if (!kept.has(name)) rmSync(join(folder, name), { recursive: true });
  for (const [name, path] of links) {
    const link = join(folder, name);
    if (isLinkTo(link, path)) continue;
    const draft = `${link}.${process.pid}`;
    rmSync(draft, { force: true });
    symlinkSync(path, draft);
    renameSync(draft, link);
  }
}

function isLinkTo(link: string, path: string): boolean {
  try {
    return readlinkSync(link) === path;
  } catch {
    return false;
  }
}
