import { readFileSync, readdirSync } from "node:fs";

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
