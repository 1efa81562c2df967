/**
 * Runs the suites, on platforms and checkouts of their own, and sums them up: `make test`, or `make test SUITE=truth` for those
 * whose names have that in them. They run in an order that `SEED` repeats, several at a time. `SUITE=official` runs on the official
 * kubernetes plugin what asks most of it.
 *
 * The last line is `N passed, N failed`; the exit code is 0 only when nothing failed. Ctrl-C ends what runs, and then the platforms. What
 * an earlier run could not end is ended first.
 */
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMain } from "../delivery/basics/command-line.ts";
import { InputError } from "../delivery/basics/input-error.ts";
import { variable } from "../delivery/basics/variable.ts";
import { officialEnvironment, officialSuites } from "./official.ts";
import { type Print, Programs } from "./programs.ts";
import { seededRandom } from "./random.ts";
import type { Result } from "./results.ts";
import { schedule } from "./schedule.ts";
import { type Suite, namedOnly, platformOf, startPlatform, suitesOf } from "./suites.ts";
import type { TestPlatform } from "./test-platform.ts";
import { TestRun } from "./test-run.ts";

const logs = resolve(import.meta.dirname, "../.tinyolly/test-logs");

type Outcome = Result & { readonly name: string; readonly seconds: number };

const say = (text: string): void => {
  process.stdout.write(text);
};

async function main(): Promise<number> {
  const { positionals } = parseArgs({ allowPositionals: true });
  const seed = readSeed(variable(process.env, "SEED"));
  const programs = new Programs();
  for (const left of TestRun.leftBehind()) {
    say(`a run of the tests that was killed has left ${left.main.checkout}; ending it\n`);
    await left.kill();
    await left.end(programs, say);
  }
  const run = await TestRun.make();
  const outcomes: Outcome[] = [];
  try {
    const official = positionals.includes("official");
    if (official) Object.assign(process.env, await officialEnvironment(run.folder("pulumi")));
    const chosen = choose(suitesOf(run, programs), official ? officialSuites : positionals);
    say(`${chosen.length} suites in the order of SEED=${seed}\n`);
    await runSuites(seededRandom(seed).shuffle(chosen), run, programs, outcomes);
  } finally {
    const failures = outcomes.some(({ failed }) => failed > 0);
    if (failures) run.saveLogs(logs);
    const clean = await timed("clean-up", outcomes, async (print) => {
      const done = await run.end(programs, print);
      const reason = "a platform of the tests could not be reset; its output stands above";
      return { passed: done ? 1 : 0, failed: done ? 0 : 1, failures: done ? [] : [reason] };
    });
    say(summary(outcomes));
    if (failures || clean.failed > 0) say(`\nlogs of the platform are in ${logs}\n`);
  }
  if (programs.signal) say(`\n${programs.signal} ended the run before all suites were through\n`);
  const [passed, failed] = [total(outcomes, "passed"), total(outcomes, "failed")];
  say(`\n${passed} passed, ${failed} failed\n`);
  return programs.status ?? (failed === 0 ? 0 : 1);
}

/** Runs suites, those on the platform once it is ready; a platform that cannot be made ready ends the run. */
async function runSuites(
  chosen: readonly Suite[],
  run: TestRun,
  programs: Programs,
  outcomes: Outcome[],
): Promise<void> {
  let broken = false;
  const start = async (platform: TestPlatform, print: Print): Promise<Result> => {
    const result = await startPlatform(platform, programs, print);
    broken ||= result.failed > 0;
    return result;
  };
  const users = new Map<TestPlatform, number>();
  const onPlatform =
    ({ uses, run: body }: Suite) =>
    async (print: Print) => {
      const platform = platformOf(uses, run);
      const beside = users.get(platform) ?? 0;
      users.set(platform, beside + 1);
      // Whoever is there already has checked it, and stops nothing.
      const checked = beside === 0 ? await start(platform, print) : undefined;
      try {
        return checked && checked.failed > 0 ? checked : await body(print);
      } finally {
        users.set(platform, (users.get(platform) ?? 0) - 1);
      }
    };
  const suites = chosen.map((suite) =>
    ["nothing", "tools"].includes(suite.uses) ? suite : { ...suite, run: onPlatform(suite) },
  );
  const platform: Suite = {
    name: "platform",
    uses: "start",
    run: (print) => start(run.main, print),
  };
  const left = await schedule(
    suites.some(({ uses }) => uses !== "nothing") ? [platform, ...suites] : suites,
    // One more than can compute, since pods are waited for.
    availableParallelism() + 1,
    async ({ name, run: body }) => {
      await timed(name, outcomes, body);
    },
    () => broken || programs.signal !== undefined,
  );
  if (left.length > 0) say(`\nnot run: ${left.map(({ name }) => name).join(", ")}\n`);
}

/** Runs a part of the run, shows what it printed once it has ended, and notes what it came to. */
async function timed(
  name: string,
  outcomes: Outcome[],
  body: (print: Print) => Promise<Result>,
): Promise<Outcome> {
  say(`-- ${name}\n`);
  const started = Date.now();
  let output = "";
  const result = await body((text) => (output += text));
  const outcome = { name, ...result, seconds: (Date.now() - started) / 1000 };
  outcomes.push(outcome);
  say(`\n== ${name}\n${output.trimEnd()}\n${line(outcome)}\n`);
  return outcome;
}

/** A line for each suite, and below it what failed, so that the end of a long log says what to mend. */
function summary(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap((outcome) => [
    line(outcome),
    ...outcome.failures.map((failure) => failure.replaceAll(/^/gm, "    ")),
  ]);
  return `\n${lines.join("\n")}\n`;
}

function line({ name, passed, failed, seconds }: Outcome): string {
  return `${name.padEnd(28)} ${passed} passed, ${failed} failed in ${seconds.toFixed(0)} s`;
}

function total(outcomes: readonly Outcome[], count: "passed" | "failed"): number {
  return outcomes.reduce((sum, outcome) => sum + outcome[count], 0);
}

/** Suites of these names, or else those that have them in theirs; all where there are none. */
function choose(suites: readonly Suite[], words: readonly string[]): Suite[] {
  if (words.length === 0) return suites.filter(({ name }) => !namedOnly.includes(name));
  const found = words.flatMap((word) => {
    const exact = suites.filter(({ name }) => name.split(": ").at(-1) === word);
    const named =
      exact.length > 0
        ? exact
        : suites.filter(({ name }) => name.includes(word) && !namedOnly.includes(name));
    if (named.length === 0)
      throw new InputError(
        `SUITE is "${word}", but must be a part of one of: ${suites.map(({ name }) => name).join(", ")}`,
      );
    return named;
  });
  return [...new Set(found)];
}

function readSeed(text: string | undefined): number {
  if (text === undefined) return randomInt(2 ** 31);
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new InputError(
    `SEED is "${text}", but must be a whole number, as an earlier run printed it`,
  );
}

runMain("test", main);
