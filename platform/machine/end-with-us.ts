import { spawnSync } from "node:child_process";

/** Words before a command that have the kernel send it a signal when this process ends in any way; none where there is no such program. */
export function endWithUs(signal: "TERM" | "KILL" = "TERM"): string[] {
  const words = ["setpriv", "--pdeathsig", signal];
  const [name = "", ...rest] = words;
  return spawnSync(name, [...rest, "true"]).status === 0 ? words : [];
}
