import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { variable } from "../delivery/basics/variable.ts";
import { freeBytes, neededBytes } from "./machine/disk.ts";
import { portHolder } from "./machine/port-holder.ts";
import { formatBytes, table } from "./report/table.ts";
import { type PlatformSettings, type Ports, portVariables } from "./settings.ts";
import { platformStatus } from "./status.ts";

/** One thing that was looked at. */
export interface Check {
  readonly what: string;
  /** `missing` keeps something from working, `odd` is worth a look. */
  readonly state: "fine" | "odd" | "missing";
  /** What was found, and where something is to be done, what. */
  readonly found: string;
}

/** Programs that people need to have, with the arguments that make them say their version. */
const programs: readonly (readonly [name: string, ...args: string[]])[] = [
  ["git", "--version"],
  ["make", "--version"],
  ["go", "version"],
  ["node", "--version"],
  ["npm", "--version"],
  ["sudo", "--version"],
];

/** Looks at all that the platform stands on, and changes nothing. */
export async function examine(
  settings: PlatformSettings,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Check[]> {
  const path = env["PATH"] ?? "";
  const services = await platformStatus(settings);
  const running = services.filter(({ pid }) => pid !== undefined);
  const ill = services.filter(({ health }) => !["ready", "stopped"].includes(health));
  return [
    ...programs.map((program) => programCheck(program, path)),
    {
      what: "servers",
      state: ill.length > 0 ? "missing" : "fine",
      found:
        ill.length > 0
          ? `${ill.map(({ name, health }) => `${name} is ${health}`).join(", ")}; make platform-up starts what does not run`
          : `${running.length} of ${services.length} run`,
    },
    ...(Object.keys(settings.ports) as (keyof Ports)[]).flatMap((name) =>
      portCheck(name, settings, running.length > 0),
    ),
    ...[...new Set([settings.cache, settings.state])].map(diskCheck),
    ...leftovers(variable(env, "TMPDIR") ?? tmpdir()),
  ];
}

/** Shows checks. Returns the exit code: 1 where something is missing. */
export function showChecks(checks: readonly Check[], json: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify(checks, undefined, 2)}\n`);
  else {
    const rows = checks.map(({ what, state, found }) => [what, state, found]);
    process.stdout.write(table(["what", "state", "found"], rows));
  }
  return checks.some(({ state }) => state === "missing") ? 1 : 0;
}

/** Says which version of a program is on PATH, and where. */
export function programCheck([name, ...args]: readonly [string, ...string[]], path: string): Check {
  const { stdout, error } = spawnSync(name, args, {
    encoding: "utf8",
    env: { ...process.env, PATH: path },
  });
  if (error) {
    // Root needs none.
    const needed = name !== "sudo" || process.getuid?.() !== 0;
    const found = needed
      ? "is not on PATH; make up says what installs it"
      : "is not needed by root";
    return { what: name, state: needed ? "missing" : "fine", found };
  }
  const [version = ""] = /\d+(?:\.\d+)+[\w.+~-]*/.exec(stdout) ?? [];
  const where = path.split(delimiter).find((folder) => hasProgram(folder, name));
  return { what: name, state: "fine", found: `${version} in ${where ?? "PATH"}` };
}

function hasProgram(folder: string, name: string): boolean {
  try {
    return readdirSync(folder).includes(name);
  } catch {
    return false;
  }
}

/** Ports that somebody else has; while the platform runs, they are its own. */
function portCheck(name: keyof Ports, { ports }: PlatformSettings, runs: boolean): Check[] {
  const holder = runs ? undefined : portHolder(ports[name]);
  if (holder?.listens !== true) return [];
  const [variableName] = portVariables[name];
  const found = `${holder.name} has it; end it, or set ${variableName}, or TINYOLLY_PORT_OFFSET for all`;
  return [{ what: `port ${ports[name]}`, state: "missing", found }];
}

/** Whether there is room for what a start writes. */
export function diskCheck(folder: string): Check {
  const free = freeBytes(folder);
  const enough = free >= neededBytes;
  const found = `${formatBytes(free)} free${enough ? "" : `, but up needs ${formatBytes(neededBytes)}`}`;
  return { what: folder, state: enough ? "fine" : "missing", found };
}

/** Folders of tests that were killed; the next `make test` takes them away. */
export function leftovers(folder: string): Check[] {
  const names = readdirSync(folder).filter((name) => /^tinyolly-test-\w+$/.test(name));
  if (names.length === 0) return [];
  const found = `${names.map((name) => join(folder, name)).join(", ")}: of a make test that runs, or was killed; the next one takes it away`;
  return [{ what: "leftovers", state: "odd", found }];
}
