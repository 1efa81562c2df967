import type { Line, TimeWindow } from './chart';
import { meanOf, quantile } from './histogram';
import { intervalOf } from './merge-series';
import type { Distribution, NumberPoint, Temporality } from './model';

/** Most places of a line of percentiles. */
const mostCells = 60;
/** Empty places that a line goes on over, since exports come at no exact times. */
const bridgedCells = 2;

export const percentiles = [
  { name: 'p50', share: 0.5 },
  { name: 'p90', share: 0.9 },
  { name: 'p99', share: 0.99 },
] as const;

/**
 * What one series measured between each two of its points: the points themselves for DELTA, their differences for CUMULATIVE. A count
 * that falls is that of a process that started again.
 */
export function measurements(
  points: readonly Distribution[],
  temporality: Temporality,
): Distribution[] {
  if (temporality !== 'CUMULATIVE') return [...points];
  return points.slice(1).map((point, index) => {
    const before = points[index];
    return before ? subtract(point, before) : point;
  });
}

/** All of what some distributions counted. Where their bounds differ, a bucket is divided evenly. */
export function mergeDistributions(all: readonly Distribution[]): Distribution | undefined {
  const [first, ...others] = all;
  if (!first || others.length === 0) return first;
  const bounds = commonBounds(all);
  const bucketCounts = new Array<number>(bounds.length + 1).fill(0);
  for (const one of all) {
    for (const [index, count] of rebucket(one, bounds).entries()) {
      bucketCounts[index] = (bucketCounts[index] ?? 0) + count;
    }
  }
  return {
    timeMs: Math.max(...all.map(({ timeMs }) => timeMs)),
    count: all.reduce((sum, { count }) => sum + count, 0),
    sum: fold(all, 'sum', (a, b) => a + b),
    min: fold(all, 'min', Math.min),
    max: fold(all, 'max', Math.max),
    bounds,
    bucketCounts: bounds.length === 0 ? [] : bucketCounts,
    quantiles: [],
  };
}

/**
 * Lines of the percentiles of what some series measured together, or of the mean where nobody sent buckets.
 *
 * @param series the measurements of each
 */
export function percentileLines(
  series: readonly (readonly Distribution[])[],
  window: TimeWindow,
): Line[] {
  const cells = cellsOf(series, window);
  const lines = percentiles.map(({ name, share }) => ({
    label: name,
    segments: toSegments(cells, (distribution) => quantile(distribution, share)),
  }));
  if (lines.some(({ segments }) => segments.length > 0)) return lines;
  return [{ label: 'mean', segments: toSegments(cells, meanOf) }];
}

interface Cell {
  readonly timeMs: number;
  readonly merged: Distribution | undefined;
}

/** The window in equal parts, of which each is as long as the slowest sender's interval. */
function cellsOf(series: readonly (readonly Distribution[])[], window: TimeWindow): Cell[] {
  const length = window.toMs - window.fromMs;
  const slowest = series
    .filter((points) => points.length > 1)
    .reduce((most, points) => Math.max(most, intervalOf(points.map(({ timeMs }) => timeMs))), 0);
  const count = Math.max(Math.floor(length / Math.max(length / mostCells, slowest)), 1);
  const size = length / count;
  const contents = Array.from({ length: count }, (): Distribution[] => []);
  for (const point of series.flat()) {
    const index = Math.floor((point.timeMs - window.fromMs) / size);
    // The senders' clocks may be a little ahead.
    contents[Math.min(index, count - 1)]?.push(point);
  }
  return contents.map((distributions, index) => ({
    timeMs: window.fromMs + (index + 0.5) * size,
    merged: mergeDistributions(distributions),
  }));
}

function toSegments(
  cells: readonly Cell[],
  valueOf: (distribution: Distribution) => number | undefined,
): NumberPoint[][] {
  const segments: NumberPoint[][] = [];
  let empty = Infinity;
  for (const { timeMs, merged } of cells) {
    const value = merged && merged.count > 0 ? valueOf(merged) : undefined;
    if (value === undefined) {
      empty += 1;
      continue;
    }
    if (empty > bridgedCells) segments.push([]);
    segments.at(-1)?.push({ timeMs, value });
    empty = 0;
  }
  return segments;
}

function subtract(point: Distribution, before: Distribution): Distribution {
  if (point.count < before.count) return point;
  const bounds = commonBounds([point, before]);
  const earlier = rebucket(before, bounds);
  const bucketCounts = rebucket(point, bounds).map((count, i) => count - (earlier[i] ?? 0));
  // Bounds that changed are divided by estimate; a bucket that fell by more is another process.
  if (bounds === point.bounds && bucketCounts.some((count) => count < 0)) return point;
  return {
    ...point,
    count: point.count - before.count,
    sum: point.sum === undefined || before.sum === undefined ? undefined : point.sum - before.sum,
    min: undefined,
    max: undefined,
    bounds,
    bucketCounts: bucketCounts.map((count) => Math.max(count, 0)),
  };
}

function commonBounds(all: readonly Distribution[]): readonly number[] {
  const bounds = all[0]?.bounds ?? [];
  if (all.every((one) => isEqual(one.bounds, bounds))) return bounds;
  return [...new Set(all.flatMap((one) => one.bounds))].sort((a, b) => a - b);
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a === b || (a.length === b.length && a.every((bound, index) => bound === b[index]));
}

/** The counts for `bounds`, which hold all of the distribution's own. */
function rebucket(distribution: Distribution, bounds: readonly number[]): readonly number[] {
  const { bucketCounts, min, max } = distribution;
  if (isEqual(distribution.bounds, bounds)) return bucketCounts;
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const [index, count] of bucketCounts.entries()) {
    if (count === 0) continue;
    const upper = distribution.bounds[index];
    const lower = distribution.bounds[index - 1] ?? Math.min(min ?? 0, upper ?? 0);
    const high = upper ?? Math.max(max ?? lower, lower);
    // Without a width, all of it is right above its lower bound.
    const first = bounds.findIndex((bound) => bound > lower);
    if (high <= lower || first < 0) {
      const place = first < 0 ? bounds.length : first;
      counts[place] = (counts[place] ?? 0) + count;
      continue;
    }
    for (let place = first; place <= bounds.length; place += 1) {
      const from = Math.max(bounds[place - 1] ?? -Infinity, lower);
      const to = Math.min(bounds[place] ?? Infinity, high);
      if (to <= from) break;
      counts[place] = (counts[place] ?? 0) + (count * (to - from)) / (high - lower);
    }
  }
  return counts;
}

function fold(
  all: readonly Distribution[],
  field: 'sum' | 'min' | 'max',
  join: (a: number, b: number) => number,
): number | undefined {
  return all
    .map((one) => one[field])
    .reduce((a, b) => (a === undefined || b === undefined ? undefined : join(a, b)));
}
