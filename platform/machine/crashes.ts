import { type Crash, knownServices, logFile, serviceCrash } from "./processes.ts";

/** Says that a server ended although nobody stopped it, and where to look. */
export function crashText(name: string, { exit, lastLine }: Crash, file: string): string {
  const how = exit === undefined ? "" : ` (${exit})`;
  const until = lastLine?.toISOString().replace(/\.\d+/, "") ?? "its start";
  return `${name} crashed${how}; its log ends at ${until}: ${file}`;
}

/** A sentence for each server that crashed without anybody seeing it. */
export function unseenCrashes(state: string): string[] {
  return knownServices(state).flatMap((name) => {
    const crash = serviceCrash(state, name);
    if (crash?.exit !== undefined || !crash) return [];
    return [crashText(name, crash, logFile(state, name))];
  });
}
