/**
 * Shows what the tags of base images hold now beside what the lock file has, and takes it over:
 * `node commands/bases/cli.ts [--stack local] [--update] [--json] [--exit-code] [--platform]`.
 *
 * Exits with 0 when it could tell, with 2 when it was told --exit-code and the lock is not up to date, with 1 on an error.
 */
import { deliverables } from "../../deliverables.ts";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { allOutsideBases } from "../../delivery/plan/plan.ts";
import { readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { writeBaseLock } from "../../delivery/sources/base-lock.ts";
import { enterStack } from "../../platform/environment.ts";
import { table } from "../../platform/report/table.ts";
import { type Base, resolveBases } from "./resolve.ts";

const declared = {
  stack: { type: "string", default: "local" },
  update: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  "exit-code": { type: "boolean", default: false },
  platform: { type: "boolean", default: false },
} as const;

const outdatedExitCode = 2;

async function main(): Promise<number> {
  const options = readOptions(declared);
  if (options.platform) enterStack(options.stack);
  const { baseLock: file, plan } = readSettings(readStackConfiguration(options.stack));
  const lock = plan.bases;
  const wanted = allOutsideBases(deliverables, plan.platforms);
  const bases = await resolveBases(wanted, lock, process.env["TINYOLLY_BASE_MIRROR"]);
  const unused = [...lock.keys()].filter((reference) => !wanted.includes(reference));
  const outdated = unused.length > 0 || bases.some(({ locked, current }) => locked !== current);

  if (options.json)
    process.stdout.write(`${JSON.stringify({ file, bases, unused }, undefined, 2)}\n`);
  else process.stdout.write(basesTable(bases, unused));
  if (options.update && outdated) {
    writeBaseLock(file, new Map(bases.map(({ reference, current }) => [reference, current])));
    process.stderr.write(`wrote ${file}; make explain shows what is built anew\n`);
  } else if (outdated) {
    process.stderr.write(`make bases UPDATE=1 writes ${file}\n`);
  }
  return options["exit-code"] && outdated && !options.update ? outdatedExitCode : 0;
}

function basesTable(bases: readonly Base[], unused: readonly string[]): string {
  const rows = bases.map(({ reference, locked, current }) => [
    reference,
    locked?.slice(0, 19) ?? "-",
    current.slice(0, 19),
    locked === undefined ? "not locked" : locked === current ? "up to date" : "moved",
  ]);
  const left = unused.map((reference) => [reference, "", "", "not used by any Dockerfile"]);
  return table(["base", "locked", "now", ""], [...rows, ...left]);
}

runMain("bases", main);
