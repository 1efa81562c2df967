import { spawnSync } from "node:child_process";

/** Words before a command that have the kernel end it when this process ends in any way; none where there is no such program. */
export function endWithUs(): string[] {
  const words = ["setpriv", "--pdeathsig", "TERM"];
  const [name = "", ...rest] = words;
  return spawnSync(name, [...rest, "true"]).status === 0 ? words : [];
}
