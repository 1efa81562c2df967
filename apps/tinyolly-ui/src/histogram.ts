import type { Distribution } from './model';
import { formatMeasure } from './numbers';

export interface Bar {
  /** Range of the bucket with its unit, such as `5 ms – 10 ms`. */
  readonly label: string;
  readonly count: number;
  /** Part of the highest bar, 0 to 1. */
  readonly height: number;
}

export interface Histogram {
  /** Buckets from the first to the last that holds anything. */
  readonly bars: readonly Bar[];
  readonly count: number;
  readonly mean: number | undefined;
  readonly p50: number | undefined;
  readonly p90: number | undefined;
  readonly p99: number | undefined;
  readonly from: string;
  readonly to: string;
}

export function layoutHistogram(point: Distribution, unit: string): Histogram {
  const { bounds, bucketCounts } = point;
  const first = bucketCounts.findIndex((count) => count > 0);
  const last = bucketCounts.findLastIndex((count) => count > 0);
  const highest = bucketCounts.reduce((high, count) => (count > high ? count : high), 0);
  const bars = bucketCounts.slice(Math.max(first, 0), last + 1).map((count, index) => ({
    label: rangeLabel(bounds, first + index, unit),
    count,
    height: count / highest,
  }));
  return {
    bars,
    count: point.count,
    mean: meanOf(point),
    p50: quantile(point, 0.5),
    p90: quantile(point, 0.9),
    p99: quantile(point, 0.99),
    from: measured(bounds[first - 1] ?? point.min, unit),
    to: measured(bounds[last] ?? point.max, unit, '∞'),
  };
}

export function meanOf({ count, sum }: Distribution): number | undefined {
  return count === 0 || sum === undefined ? undefined : sum / count;
}

/** Value below which the part `q` lies, on a straight line inside its bucket; undefined without buckets. */
export function quantile(
  { bounds, bucketCounts, min, max }: Distribution,
  q: number,
): number | undefined {
  const total = bucketCounts.reduce((sum, count) => sum + count, 0);
  if (total === 0 || bounds.length === 0) return undefined;
  const rank = q * total;
  let below = 0;
  for (const [index, count] of bucketCounts.entries()) {
    if (count > 0 && below + count >= rank) {
      const high = bounds[index] ?? max;
      const low = bounds[index - 1] ?? min ?? Math.min(0, high ?? 0);
      return high === undefined ? low : low + ((rank - below) / count) * (high - low);
    }
    below += count;
  }
  return max ?? bounds.at(-1);
}

function rangeLabel(bounds: readonly number[], index: number, unit: string): string {
  const low = bounds[index - 1];
  const high = bounds[index];
  if (low === undefined) return high === undefined ? 'all' : `up to ${formatMeasure(high, unit)}`;
  if (high === undefined) return `over ${formatMeasure(low, unit)}`;
  return `${formatMeasure(low, unit)} – ${formatMeasure(high, unit)}`;
}

function measured(value: number | undefined, unit: string, otherwise = '0'): string {
  return value === undefined ? otherwise : formatMeasure(value, unit);
}
