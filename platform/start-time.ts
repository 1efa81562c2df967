import { readFileSync } from "node:fs";

/** Start time of a process as the kernel counts it; undefined when it has ended. A pid and this are never used again. */
export function startTime(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/** Fields of /proc/PID/stat from the state on, such as the parent at 1; undefined when there is no such process. */
export function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
