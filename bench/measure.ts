import { PlatformError } from "../platform/settings.ts";
import { type Command, run } from "./command.ts";

/** What is timed for one contender in one case. */
export interface Entry {
  readonly contender: string;
  /** Prepares a round and returns the command that is timed. */
  readonly prepare: (round: number) => Command | Promise<Command>;
}

/** A case: what all entries do is the same work. */
export interface Case {
  /** What `--only` takes. */
  readonly id: string;
  readonly title: string;
  readonly rounds: number;
  /** Makes ready what all rounds need; not timed. */
  readonly setUp: () => Promise<void>;
  readonly entries: readonly Entry[];
  readonly target?: Target;
}

/** What the first entry of a case should not take longer than. */
export interface Target {
  /** Formula, such as `1.5 × floor`. */
  readonly formula: string;
  /** Limit in seconds, from the medians of the same case. */
  readonly limit: (median: (contender: string) => number) => number;
}

/** Seconds of every round of one contender. */
export interface Result {
  readonly contender: string;
  readonly seconds: readonly number[];
}

/** A case as it was measured; what `bench/results.json` holds. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly results: readonly Result[];
  /** Limit in seconds for the first result. */
  readonly target?: { readonly formula: string; readonly limit: number };
}

/** Times a case in rounds; every round runs each entry once, and begins with another one. */
export async function measure(
  { id, title, rounds, setUp, entries, target }: Case,
  log: (line: string) => void,
): Promise<CaseResult> {
  await setUp();
  const results = entries.map(({ contender }) => ({ contender, seconds: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const at = (round + turn) % entries.length;
      const [entry, result] = [entries[at], results[at]];
      if (!entry || !result) continue;
      const { seconds } = await run(await entry.prepare(round));
      result.seconds.push(seconds);
      log(`${id} ${round + 1}/${rounds}: ${entry.contender} ${seconds.toFixed(2)} s`);
    }
  }
  if (!target) return { id, title, results };
  const limit = target.limit((contender) => medianOf(results, contender));
  return { id, title, results, target: { formula: target.formula, limit } };
}

/** Reads how often each case is timed. */
export function readRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds > 0) return rounds;
  throw new PlatformError(`--rounds is "${text}", but must be a whole number above 0`);
}

/** Middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.ceil((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined) throw new RangeError("no value has no median");
  return (low + high) / 2;
}

function medianOf(results: readonly Result[], contender: string): number {
  const result = results.find((candidate) => candidate.contender === contender);
  if (!result) throw new RangeError(`"${contender}" was not measured`);
  return median(result.seconds);
}
