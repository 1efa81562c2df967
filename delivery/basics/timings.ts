import { appendFileSync, readFileSync } from "node:fs";

/** Part of a run that the program and its scripts time. */
export type Phase = "plan" | "package" | "sign" | "sync" | "roll-out";

/** When a part of a run happened, in milliseconds since 1970. */
export interface Timing {
  readonly phase: Phase;
  readonly start: number;
  readonly end: number;
}

/** Names the file to which timings are appended; nothing is written without it. */
export const timingsVariable = "TINYOLLY_TIMINGS";

/** Notes what ended now; what cannot be noted is left out, since no run may fail for it. */
export function noteTiming(phase: Phase, start: number, env = process.env): number {
  const end = Date.now();
  const file = env[timingsVariable] ?? "";
  const timing: Timing = { phase, start: Math.round(start), end };
  try {
    if (file !== "") appendFileSync(file, `${JSON.stringify(timing)}\n`);
  } catch {
    // Said above.
  }
  return end;
}

/** All that was noted in a file; nothing where there is none. */
export function readTimings(file: string): Timing[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n");
    // Only noteTiming writes there.
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Timing);
  } catch {
    return [];
  }
}
