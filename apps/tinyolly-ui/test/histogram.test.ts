import { describe, expect, it } from 'vitest';
import { layoutHistogram, quantile } from '../src/histogram';
import type { Distribution } from '../src/model';

function distribution(bucketCounts: number[], set: Partial<Distribution> = {}): Distribution {
  const count = bucketCounts.reduce((sum, bucket) => sum + bucket, 0);
  return {
    timeMs: 0,
    count,
    sum: count * 8,
    min: undefined,
    max: undefined,
    bounds: [5, 10, 25],
    bucketCounts,
    quantiles: [],
    ...set,
  };
}

describe('quantile', () => {
  it('lies on a straight line inside its bucket', () => {
    expect(quantile(distribution([0, 4, 4, 0]), 0.5)).toBe(10);
    expect(quantile(distribution([0, 4, 0, 0]), 0.5)).toBe(7.5);
    expect(quantile(distribution([4, 0, 0, 0]), 0.5)).toBe(2.5);
  });

  it('uses min and max for the open buckets', () => {
    expect(quantile(distribution([4, 0, 0, 0], { min: 3 }), 0.5)).toBe(4);
    expect(quantile(distribution([0, 0, 0, 4], { max: 35 }), 0.5)).toBe(30);
    expect(quantile(distribution([0, 0, 0, 4]), 0.5)).toBe(25);
  });

  it('is undefined without buckets', () => {
    expect(quantile(distribution([], { bounds: [] }), 0.5)).toBeUndefined();
    expect(quantile(distribution([0, 0, 0, 0]), 0.5)).toBeUndefined();
  });
});

describe('layoutHistogram', () => {
  it('has a bar for each bucket from the first to the last that holds anything', () => {
    const { bars, from, to } = layoutHistogram(distribution([0, 2, 0, 4]), 'ms');
    expect(bars).toEqual([
      { label: '5.00 ms – 10.0 ms', count: 2, height: 0.5 },
      { label: '10.0 ms – 25.0 ms', count: 0, height: 0 },
      { label: 'over 25.0 ms', count: 4, height: 1 },
    ]);
    expect([from, to]).toEqual(['5.00 ms', '∞']);
  });

  it('names the first bucket by its upper bound', () => {
    const { bars, from, to } = layoutHistogram(distribution([1, 0, 0, 0]), '');
    expect(bars).toEqual([{ label: 'up to 5', count: 1, height: 1 }]);
    expect([from, to]).toEqual(['0', '5']);
  });

  it('has the facts of a histogram without buckets', () => {
    const histogram = layoutHistogram(
      distribution([], { bounds: [], count: 4, sum: 10, min: 1, max: 4 }),
      '',
    );
    expect(histogram).toMatchObject({ bars: [], count: 4, mean: 2.5, p50: undefined });
  });

  it('has no mean without values or without their sum', () => {
    expect(layoutHistogram(distribution([1], { sum: undefined }), '').mean).toBeUndefined();
    expect(layoutHistogram(distribution([0, 0, 0, 0]), '')).toMatchObject({
      bars: [],
      mean: undefined,
    });
  });
});
