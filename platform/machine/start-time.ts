import { readFileSync, readdirSync } from "node:fs";

/** The kernel's name of this run of the machine, without its dashes. */
const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim().replaceAll("-", "");

/**
 * When a process was started: the run of the machine, and the kernel's count in it, such as `4f5e….81273`; undefined when it has
 * ended. A pid and this are never used again, not even after the machine was started again.
 */
export function startTime(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || hasEnded(fields) ? undefined : `${boot}.${fields[19] ?? ""}`;
}

/** Whether a {@link startTime} is of an earlier run of the machine, of which no process is left. */
export function isOfEarlierBoot(time: string): boolean {
  return !time.startsWith(`${boot}.`);
}

/** Pids of the processes of a group that have not ended. */
export function groupMembers(group: number): number[] {
  return processes()
    .filter(({ fields }) => fields[2] === String(group) && !hasEnded(fields))
    .map(({ pid }) => pid);
}

/** Every process of this machine, with its {@link statFields}. */
export function processes(): { readonly pid: number; readonly fields: readonly string[] }[] {
  return readdirSync("/proc").flatMap((name) => {
    const fields = /^\d+$/.test(name) ? statFields(Number(name)) : undefined;
    return fields ? [{ pid: Number(name), fields }] : [];
  });
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

/** Nobody may ever wait for it, as in a container without an init. */
function hasEnded(fields: readonly string[]): boolean {
  return fields[0] === "Z" || fields[0] === "X";
}
