import { describe, expect, it } from 'vitest';
import { measurements, mergeDistributions, percentileLines } from '../src/distributions';
import { quantile } from '../src/histogram';
import type { Distribution } from '../src/model';

function distribution(bucketCounts: number[], set: Partial<Distribution> = {}): Distribution {
  const count = bucketCounts.reduce((sum, bucket) => sum + bucket, 0);
  const bounds = [5, 10, 25];
  const none = { min: undefined, max: undefined, quantiles: [] };
  return { timeMs: 0, count, sum: count * 8, bounds, bucketCounts, ...none, ...set };
}

describe('measurements', () => {
  const first = distribution([1, 2, 0, 0]);
  const last = distribution([1, 6, 4, 0]);

  it('are the points of DELTA', () => {
    expect(measurements([first, last], 'DELTA')).toEqual([first, last]);
  });

  it('are the differences of CUMULATIVE', () => {
    expect(measurements([first, last], 'CUMULATIVE')).toMatchObject([
      { count: 8, sum: 64, bucketCounts: [0, 4, 4, 0] },
    ]);
    expect(measurements([last], 'CUMULATIVE')).toEqual([]);
  });

  it.each([
    ['the process started again', distribution([9, 9, 9, 9])],
    ['one bucket fell', distribution([2, 0, 0, 0])],
  ])('are the later point when %s', (_, before) => {
    expect(measurements([before, last], 'CUMULATIVE')).toEqual([last]);
  });

  it('go on over bounds that changed', () => {
    const finer = distribution([1, 2, 2, 6, 0], { bounds: [5, 7.5, 10, 25] });
    expect(measurements([first, finer], 'CUMULATIVE')).toMatchObject([
      { count: 8, bounds: [5, 7.5, 10, 25], bucketCounts: [0, 1, 1, 6, 0] },
    ]);
  });
});

describe('mergeDistributions', () => {
  it('adds up equal buckets', () => {
    const merged = mergeDistributions([
      distribution([1, 2, 0, 0], { min: 2, max: 9 }),
      distribution([0, 2, 4, 1], { min: 6, max: 40 }),
    ]);
    expect(merged).toMatchObject({
      count: 10,
      sum: 80,
      min: 2,
      max: 40,
      bucketCounts: [1, 4, 4, 1],
    });
  });

  it('divides buckets where bounds differ, and loses none', () => {
    const merged = mergeDistributions([
      distribution([0, 4, 0, 3]),
      distribution([2, 2, 6], { bounds: [7.5, 50] }),
    ]);
    expect(merged?.bounds).toEqual([5, 7.5, 10, 25, 50]);
    expect(merged?.bucketCounts.reduce((sum, count) => sum + count, 0)).toBeCloseTo(17, 9);
    expect(merged?.bucketCounts[1]).toBeCloseTo(2 + 2 / 3, 9);
    // What is above the last bound stays right above it.
    expect(merged?.bucketCounts[4]).toBeGreaterThanOrEqual(3);
    expect(merged?.bucketCounts[5]).toBe(6);
  });

  it('knows neither sum nor extremes where one does not', () => {
    const merged = mergeDistributions([
      distribution([1], { min: 1, max: 1 }),
      distribution([1], { sum: undefined }),
    ]);
    expect(merged).toMatchObject({ count: 2, sum: undefined, min: undefined, max: undefined });
  });

  it('is undefined without any, and the only one as it is', () => {
    expect(mergeDistributions([])).toBeUndefined();
    const one = distribution([1, 0, 0, 0]);
    expect(mergeDistributions([one])).toBe(one);
  });
});

describe('percentileLines', () => {
  const window = { fromMs: 0, toMs: 600_000 };
  const every = (seconds: number, counts: number[], from = 0, to = 600) =>
    Array.from({ length: (to - from) / seconds }, (_, index) =>
      distribution(counts, { timeMs: (from + index * seconds) * 1000 + 1 }),
    );

  it('has the percentiles of all series together at each place', () => {
    const fast = every(10, [0, 90, 0, 0]);
    const slow = every(10, [0, 0, 10, 0]);
    const lines = percentileLines([fast, slow], window);
    const all = mergeDistributions([distribution([0, 90, 0, 0]), distribution([0, 0, 10, 0])]);
    expect(lines.map(({ label }) => label)).toEqual(['p50', 'p90', 'p99']);
    for (const [index, share] of [0.5, 0.9, 0.99].entries()) {
      const [segment, ...others] = lines[index]?.segments ?? [];
      expect(others).toEqual([]);
      expect(segment).toHaveLength(60);
      const expected = all && quantile(all, share);
      expect(segment?.every(({ value }) => value === expected)).toBe(true);
    }
  });

  it('has places as long as the interval of the slowest sender', () => {
    const [p50] = percentileLines([every(60, [0, 4, 0, 0]), every(10, [4, 0, 0, 0])], window);
    expect(p50?.segments.map((segment) => segment.length)).toEqual([10]);
  });

  it('is broken where nothing was measured for a while, and not by one late export', () => {
    const pause = [...every(10, [0, 4, 0, 0], 0, 200), ...every(10, [0, 4, 0, 0], 400)];
    expect(percentileLines([pause], window)[0]?.segments).toHaveLength(2);
    const late = every(10, [0, 4, 0, 0]).filter((_, index) => index !== 30);
    expect(percentileLines([late], window)[0]?.segments).toHaveLength(1);
  });

  it('is the mean where there are no buckets', () => {
    const bare = every(10, []).map((point) => ({ ...point, bounds: [], count: 4, sum: 10 }));
    const [line, ...others] = percentileLines([bare], window);
    expect(others).toEqual([]);
    expect(line?.label).toBe('mean');
    expect(line?.segments[0]?.[0]?.value).toBe(2.5);
  });
});
