import type { Phase, Timing } from "../../delivery/basics/timings.ts";
import type { BuildTimes, Span } from "./build-log.ts";
import { table } from "./table.ts";

/** What is known of the time that a run took. */
export interface RunTimes extends Span {
  readonly builds: readonly BuildTimes[];
  /** What the program and its scripts noted; see `delivery/basics/timings.ts`. */
  readonly timings: readonly Timing[];
}

/** By which the clock of a script may be ahead. */
const toleranceMs = 50;

/**
 * Seconds of each step of a run, as a table. What runs side by side counts once within a step, and in each of its steps;
 * a step that did not happen has no row.
 */
export function breakdown({ start, end, builds, timings }: RunTimes): string {
  const noted = (phase: Phase): Span[] =>
    timings.filter((timing) => timing.phase === phase && timing.start >= start - toleranceMs);
  // Pulumi itself has to start before the program.
  const plan = noted("plan").map((span) => ({ start, end: span.end }));
  const steps: readonly (readonly [name: string, spans: readonly Span[]])[] = [
    ["plan", plan],
    ["build", builds.flatMap((build) => without(build, build.pushes))],
    ["push", builds.flatMap(({ pushes }) => pushes)],
    ["package", noted("package")],
    ["sign", noted("sign")],
    ["sync", noted("sync")],
    ["roll-out", noted("roll-out")],
  ];
  const rows = steps
    .filter(([, spans]) => spans.length > 0)
    .map(([name, spans]) => [name, wallTime(spans)] as const);
  const all = [...rows, ["total", end - start] as const];
  const texts = all.map(([name, ms]) => [name, (ms / 1000).toFixed(1)] as const);
  const width = Math.max(...texts.map(([, seconds]) => seconds.length));
  return table(
    ["step", "seconds"],
    texts.map(([name, seconds]) => [name, seconds.padStart(width)]),
  );
}

/** Milliseconds in which at least one of the spans ran. */
export function wallTime(spans: readonly Span[]): number {
  return union(spans).reduce((sum, { start, end }) => sum + end - start, 0);
}

function union(spans: readonly Span[]): Span[] {
  const merged: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last && span.start <= last.end) {
      merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    } else merged.push(span);
  }
  return merged;
}

/** What is left of a span when others, which lie in it, are cut out. */
function without({ start, end }: Span, others: readonly Span[]): Span[] {
  const rest: Span[] = [];
  let at = start;
  for (const other of union(others)) {
    rest.push({ start: at, end: other.start });
    at = other.end;
  }
  return [...rest, { start: at, end }];
}
