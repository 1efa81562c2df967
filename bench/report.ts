import { type CaseResult, median } from "./measure.ts";

/** One line of the report: a contender in a case. */
export interface Row {
  readonly contender: string;
  /** Median of all rounds, in seconds. */
  readonly seconds: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly rounds: number;
  /** Median divided by that of the case's first contender. */
  readonly ratio: number;
}

/** A case as the report shows it. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
  /** What was asked of the first row. */
  readonly target?: { readonly formula: string; readonly limit: number; readonly met: boolean };
}

/** Reduces every case to medians, ratios and whether its target was met. */
export function sections(cases: readonly CaseResult[]): Section[] {
  return cases.map(({ title, results, target }) => {
    const first = median(results[0]?.seconds ?? []);
    const rows = results.map(({ contender, seconds }) => ({
      contender,
      seconds: median(seconds),
      fastest: Math.min(...seconds),
      slowest: Math.max(...seconds),
      rounds: seconds.length,
      ratio: median(seconds) / first,
    }));
    return { title, rows, ...(target && { target: { ...target, met: first <= target.limit } }) };
  });
}

/** The sections as one Markdown table, laid out as prettier would. */
export function markdownTable(shown: readonly Section[]): string {
  const header = ["case", "contender", "median", "range", "rounds", "ratio", "target"];
  const lines = shown.flatMap(({ title, rows, target }) =>
    rows.map((row, i) => [
      i === 0 ? title : "",
      row.contender,
      formatSeconds(row.seconds),
      // One value is the median that another program took.
      row.rounds === 1 ? "" : `${formatSeconds(row.fastest)} – ${formatSeconds(row.slowest)}`,
      row.rounds === 1 ? "" : String(row.rounds),
      formatRatio(row.ratio),
      i === 0 && target ? describeTarget(target) : "",
    ]),
  );
  const widths = header.map((_, i) =>
    Math.max(...[header, ...lines].map((line) => line[i]?.length ?? 0)),
  );
  return [header, widths.map((width) => "-".repeat(width)), ...lines]
    .map((cells) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |\n`)
    .join("");
}

/** `≤ 1.5 × floor (2.40 s): met`, or `missed`. */
export function describeTarget({ formula, limit, met }: NonNullable<Section["target"]>): string {
  return `≤ ${formula} (${formatSeconds(limit)}): ${met ? "met" : "**missed**"}`;
}

/** Three digits, whatever the size: `0.123 s`, `1.23 s`, `12.3 s`, `123 s`. */
export function formatSeconds(seconds: number): string {
  const digits = [1, 10, 100].filter((bound) => seconds < bound).length;
  return `${seconds.toFixed(digits)} s`;
}

/** Two digits after the point: `1.43 ×`. */
export function formatRatio(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}
