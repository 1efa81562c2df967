/**
 * Times this program against its alternatives and writes docs/benchmark.md, docs/benchmark.svg and bench/results.json:
 * `node bench/run.ts [--only CASE]… [--rounds N] [--project FOLDER]`. With --only, docs/ stays as it is.
 */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMain } from "../delivery/basics/command-line.ts";
import { PlatformError, project } from "../platform/settings.ts";
import { catalogCases } from "./catalog-cases.ts";
import { CommandError, allowCommands, endCommandsOnSignals } from "./command.ts";
import { type Contenders, makeContenders } from "./contenders/all.ts";
import { deliveryCases } from "./delivery-cases.ts";
import { machineFacts } from "./machine.ts";
import { type Case, type CaseResult, measure, readRounds } from "./measure.ts";
import { benchmarkPage } from "./page.ts";
import { barPlot } from "./plot.ts";
import { type Section, markdownTable, sections } from "./report.ts";
import { type Workplace, closeWorkplace, openWorkplace } from "./workplace.ts";

interface Options {
  /** Ids of cases; empty means all. */
  readonly only: readonly string[];
  /** Rounds of every case; undefined leaves each case its own. */
  readonly rounds: number | undefined;
  /** Checkout that is measured. */
  readonly project: string;
}

async function main(): Promise<number> {
  const { only, rounds, project: measured } = readOptions();
  endCommandsOnSignals();
  const workplace = await openWorkplace(measured, log);
  let contenders: Contenders | undefined;
  try {
    contenders = await makeContenders(workplace);
    const { results, failed } = await measureCases(only, allCases(workplace, contenders, rounds));
    const shown = sections(results);
    writeFileSync(join(project, "bench/results.json"), `${JSON.stringify(results, null, 2)}\n`);
    process.stdout.write(markdownTable(shown));
    // What is published comes from one whole run.
    if (only.length === 0 && !failed) await writeDocs(workplace, shown);
    return failed ? 1 : 0;
  } finally {
    allowCommands();
    for (const contender of Object.values(contenders ?? {})) await contender.remove();
    closeWorkplace(workplace);
  }
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: "string", multiple: true, default: [] },
      rounds: { type: "string" },
      project: { type: "string", default: project },
    },
  });
  const rounds = values.rounds === undefined ? undefined : readRounds(values.rounds);
  return { only: values.only, rounds, project: resolve(values.project) };
}

function allCases(
  workplace: Workplace,
  contenders: Contenders,
  rounds: number | undefined,
): Case[] {
  return [
    ...deliveryCases(contenders, { short: rounds ?? 7, long: rounds ?? 3 }, log),
    ...catalogCases(workplace, contenders.floor, rounds ?? 5, log),
  ];
}

/** Runs what was chosen; a case that fails is told and does not end the others. */
async function measureCases(
  only: readonly string[],
  cases: readonly Case[],
): Promise<{ results: CaseResult[]; failed: boolean }> {
  const ids = cases.map(({ id }) => id);
  const unknown = only.find((id) => !ids.includes(id));
  if (unknown !== undefined) {
    throw new PlatformError(`--only is "${unknown}", but must be one of ${ids.join(", ")}`);
  }
  const results: CaseResult[] = [];
  let failed = false;
  for (const one of cases) {
    if (only.length > 0 && !only.includes(one.id)) continue;
    try {
      results.push(await measure(one, log));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failed = true;
      log(`${one.id} was not measured: ${error.message}`);
    }
  }
  return { results, failed };
}

async function writeDocs(workplace: Workplace, shown: readonly Section[]): Promise<void> {
  const facts = await machineFacts(workplace);
  writeFileSync(join(project, "docs/benchmark.md"), benchmarkPage(shown, facts));
  writeFileSync(join(project, "docs/benchmark.svg"), barPlot(shown));
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

runMain("bench", main);
