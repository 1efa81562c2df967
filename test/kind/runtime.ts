/**
 * Stands before runc: takes a capability away that this machine may not have itself, and without which no privileged container would start.
 * `node runtime.ts RUNC ARGUMENTS…`
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Process {
  capabilities?: Record<string, string[]>;
}

const [runc = "runc", ...args] = process.argv.slice(2);

function argument(name: string): string | undefined {
  const i = args.indexOf(name);
  return i < 0 ? undefined : args[i + 1];
}

function drop({ capabilities = {} }: Process): void {
  for (const [set, names] of Object.entries(capabilities))
    capabilities[set] = names.filter((name) => name !== "CAP_SYS_RESOURCE");
}

function edit(file: string, change: (json: { process?: Process } & Process) => void): void {
  // As the OCI runtime specification has it.
  const json = JSON.parse(readFileSync(file, "utf8")) as { process?: Process } & Process;
  change(json);
  writeFileSync(file, JSON.stringify(json));
}

const bundle = argument("--bundle");
const started = argument("--process");
if (bundle !== undefined)
  edit(join(bundle, "config.json"), (json) => {
    drop(json.process ?? {});
  });
if (started !== undefined) edit(started, drop);
if (process.execve) process.execve(runc, [runc, ...args], process.env);
execFileSync(runc, args, { stdio: "inherit" });
