import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { PlatformError } from "../settings.ts";
import { asRoot } from "./root.ts";

/** Where something is mounted, as a process sees it, in the order in which it was; empty when the process is gone. */
export function mountPoints(pid: number | "self" = "self"): string[] {
  return read(pid)
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => path !== "")
    .map(unescaped);
}

/** Whether any process of this machine, as far as this user may ask, sees something mounted at a path. */
export function isMountedAnywhere(path: string): boolean {
  return readdirSync("/proc").some(
    (name) => /^\d+$/.test(name) && mountPoints(Number(name)).includes(path),
  );
}

/**
 * Unmounts all that is mounted below a folder, such as what a killed BuildKit left: it could not be deleted, or what is
 * mounted there would be deleted with it.
 */
export function unmountBelow(folder: string): void {
  if (!existsSync(folder)) return;
  const above = `${realpathSync(folder)}/`;
  for (const path of mountPoints().reverse()) {
    if (!path.startsWith(above)) continue;
    // Lazily, since a program that was left with it may still be in there.
    const [program, ...args] = asRoot(["umount", "--lazy", "--", path]);
    const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
    if (status !== 0)
      throw new PlatformError(`${path} cannot be unmounted, which needs root: ${stderr.trim()}`);
  }
}

/** Processes whose root is written below a folder: what containers of a BuildKit that was killed leave running. */
export function processesRootedBelow(folder: string): number[] {
  if (!existsSync(folder)) return [];
  const written = `upperdir=${realpathSync(folder)}/`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) =>
      read(pid)
        .split("\n")
        .some((line) => line.split(" ")[4] === "/" && unescaped(line).includes(written)),
    );
}

function read(pid: number | "self"): string {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8");
  } catch {
    return "";
  }
}

/** The kernel writes space, tab, line end and backslash as octal numbers. */
function unescaped(path: string): string {
  return path.replace(/\\(\d{3})/g, (_, digits: string) =>
    String.fromCharCode(parseInt(digits, 8)),
  );
}
