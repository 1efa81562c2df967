/**
 * Shows what the tags of base images hold now beside what the lock file has, and takes it over:
 * `node commands/bases/cli.ts [--stack local] [--update] [--json] [--exit-code] [--platform]`.
 *
 * Exits with 0 when it could tell, with 2 when it was told --exit-code and the lock is not up to date, with 1 on an error.
 */
import { existsSync } from "node:fs";
import { deliverables } from "../../deliverables.ts";
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { dependencyFile } from "../../delivery/plan/dependency-files.ts";
import { allDependencies, allOutsideBases } from "../../delivery/plan/plan.ts";
import { readSettings } from "../../delivery/settings/settings.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { type BaseLock, writeBaseLock } from "../../delivery/sources/base-lock.ts";
import {
  type ChartDependency,
  chartLockFile,
  lockDependencies,
} from "../../delivery/sources/chart-dependencies.ts";
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
  const { baseLock, plan } = readSettings(readStackConfiguration(options.stack));
  const mirror = process.env["TINYOLLY_BASE_MIRROR"];
  const bases = allOutsideBases(deliverables, plan.platforms);
  const dependencies = allDependencies(deliverables);
  const references = [...new Set(dependencies.map(({ reference }) => reference))];
  const images = await compareLock(baseLock, plan.bases, bases, mirror);
  const charts =
    dependencies.length > 0 || existsSync(chartLockFile)
      ? await compareLock(chartLockFile, plan.chartLock ?? new Map(), references)
      : undefined;
  const locks = charts ? [images, charts] : [images];

  if (options.json) {
    const { file, bases, unused } = images;
    const lists = { file, bases, unused, ...(charts ? { charts: charts.bases } : {}) };
    process.stdout.write(`${JSON.stringify(lists, undefined, 2)}\n`);
  } else for (const { bases, unused } of locks) process.stdout.write(basesTable(bases, unused));
  for (const { file, bases, outdated } of locks) {
    if (options.update && outdated) {
      writeBaseLock(file, new Map(bases.map(({ reference, current }) => [reference, current])));
      process.stderr.write(`wrote ${file}; make explain shows what is built anew\n`);
    } else if (outdated) {
      process.stderr.write(`make bases UPDATE=1 writes ${file}\n`);
    }
  }
  if (options.update && charts) await fetchAll(dependencies, charts.bases);
  const isOutdated = locks.some(({ outdated }) => outdated);
  return options["exit-code"] && isOutdated && !options.update ? outdatedExitCode : 0;
}

/** A lock file beside what the tags hold now. */
interface ComparedLock {
  readonly file: string;
  readonly bases: readonly Base[];
  /** References in the file that nothing takes. */
  readonly unused: readonly string[];
  readonly outdated: boolean;
}

async function compareLock(
  file: string,
  lock: BaseLock,
  wanted: readonly string[],
  mirror?: string,
): Promise<ComparedLock> {
  const bases = await resolveBases(wanted, lock, mirror);
  const unused = [...lock.keys()].filter((reference) => !wanted.includes(reference));
  const outdated = unused.length > 0 || bases.some(({ locked, current }) => locked !== current);
  return { file, bases, unused, outdated };
}

/** Fetches charts that others depend on, so that a preview needs no repository. */
async function fetchAll(
  dependencies: readonly ChartDependency[],
  bases: readonly Base[],
): Promise<void> {
  const digests = new Map(bases.map(({ reference, current }) => [reference, current]));
  const locked = lockDependencies(dependencies, digests, "a chart");
  await Promise.all(locked.map((dependency) => dependencyFile(dependency, true)));
}

function basesTable(bases: readonly Base[], unused: readonly string[]): string {
  const rows = bases.map(({ reference, locked, current }) => [
    reference,
    locked?.slice(0, 19) ?? "-",
    current.slice(0, 19),
    locked === undefined ? "not locked" : locked === current ? "up to date" : "moved",
  ]);
  const left = unused.map((reference) => [reference, "", "", "not used any more"]);
  return table(["base", "locked", "now", ""], [...rows, ...left]);
}

runMain("bases", main);
