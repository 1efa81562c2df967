import { readFileSync } from "node:fs";

/** Milliseconds between two looks at the parent. */
const pauseMs = 500;

/**
 * Ends this process soon after the plugin that started it, however that ended, with all else that the plugin started for it: a plugin runs
 * each command by a shell that leads a process group, and one that is killed cannot take the group with it.
 */
export function endWithParent(): void {
  const parent = process.ppid;
  const plugin = parentOfLeader();
  setInterval(() => {
    if (parentOfLeader() !== plugin) process.kill(0, "SIGTERM");
    else if (process.ppid !== parent) process.exit(1);
  }, pauseMs).unref();
}

/** Pid of the parent of the process that leads our group; undefined where there is none, or the system does not say it. */
function parentOfLeader(): string | undefined {
  const [, , group = ""] = statusOf("self");
  return statusOf(group)[1];
}

/** State, parent and process group of a process; nothing where it has ended. */
function statusOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ", 3);
  } catch {
    return [];
  }
}
