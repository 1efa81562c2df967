import { describe, expect, it } from 'vitest';
import { endOf, intervalOf, mergeSeries } from '../src/merge-series';
import type { MetricSeries, Series } from '../src/model';

const now = 1_000_000;

/** A series whose points are some seconds before now. */
function series(
  label: string,
  ...points: readonly (readonly [ago: number, value: number])[]
): Series {
  const numbers = points.map(([ago, value]) => ({ timeMs: now - ago * 1000, value }));
  return { label, numbers, distributions: [] };
}

function metric(set: Partial<MetricSeries>, ...all: readonly Series[]): MetricSeries {
  return {
    name: 'm',
    type: 'sum',
    unit: '',
    description: '',
    temporality: 'CUMULATIVE',
    monotonic: true,
    series: all,
    ...set,
  };
}

/** Points as seconds before now and their value. */
function read(lines: ReturnType<typeof mergeSeries>) {
  return lines.map(({ label, segments }) => [
    label,
    segments.map((points) => points.map(({ timeMs, value }) => [(now - timeMs) / 1000, value])),
  ]);
}

describe('a count that only grows', () => {
  const before = series('web', [60, 100], [50, 150], [40, 200]);
  const after = series('web', [30, 0], [20, 20], [10, 40], [0, 60]);

  it('of pods before and after a roll-out is one line of rates', () => {
    const [line, ...others] = mergeSeries(metric({}, before, after), 'rates', now);
    expect(others).toEqual([]);
    expect(line).toMatchObject({ label: 'web', instances: 2, endedMs: undefined });
    expect(line?.segments).toEqual([
      [
        { timeMs: now - 50_000, value: 5 },
        { timeMs: now - 40_000, value: 5 },
        { timeMs: now - 20_000, value: 2 },
        { timeMs: now - 10_000, value: 2 },
        { timeMs: now, value: 2 },
      ],
    ]);
  });

  it('has no peak where one pod ends right before another one begins', () => {
    const next = series('web', [38, 0], [28, 20], [18, 40], [8, 60], [0, 76]);
    const [line] = mergeSeries(metric({}, before, next), 'rates', now);
    expect(line?.segments[0]?.map(({ value }) => value)).toEqual([5, 5, 2, 2, 2, 2]);
  });

  it('of pods that run at a time has the sum of their rates, whenever each exports', () => {
    const one = series('web', [30, 0], [20, 10], [10, 20], [0, 30]);
    const other = series('web', [35, 0], [25, 30], [15, 60], [5, 90]);
    const [line] = mergeSeries(metric({}, one, other), 'rates', now);
    expect(line?.segments[0]?.map(({ value }) => value)).toEqual([4, 4, 4, 4, 4, 4]);
  });

  it('keeps in its total what an instance counted that is gone', () => {
    expect(read(mergeSeries(metric({}, before, after), 'values', now))).toEqual([
      [
        'web',
        [
          [
            [60, 100],
            [50, 150],
            [40, 200],
            [30, 200],
            [20, 220],
            [10, 240],
            [0, 260],
          ],
        ],
      ],
    ]);
  });

  it('that nobody sends any more has ended, and comes last', () => {
    const gone = series('gone', [200, 1], [190, 2], [180, 3]);
    const lines = mergeSeries(metric({}, gone, after), 'rates', now);
    expect(lines.map(({ label, endedMs }) => [label, endedMs])).toEqual([
      ['web', undefined],
      ['gone', now - 180_000],
    ]);
  });
});

it('adds up what several instances have at a time, without one that is gone', () => {
  const gone = series('queue', [90, 7], [80, 7], [70, 7]);
  const one = series('queue', [20, 1], [10, 2], [0, 3]);
  const other = series('queue', [15, 10], [5, 20]);
  expect(read(mergeSeries(metric({ monotonic: false }, gone, one, other), 'values', now))).toEqual([
    [
      'queue',
      [
        [
          [90, 7],
          [80, 7],
          [70, 7],
          [20, 1],
          [15, 11],
          [10, 12],
          [5, 22],
          [0, 23],
        ],
      ],
    ],
  ]);
});

it('adds up what several instances counted in each interval', () => {
  const one = series('hits', [20, 1], [10, 2], [0, 3]);
  const other = series('hits', [18, 10], [8, 20]);
  const [line] = mergeSeries(metric({ temporality: 'DELTA' }, one, other), 'values', now);
  expect(line?.segments[0]?.map(({ value }) => value)).toEqual([11, 12, 22, 23, 23]);
});

describe('a gauge', () => {
  const gauge = { type: 'gauge', temporality: '', monotonic: false } as const;

  it('of pods that followed one another is one line with a gap, and no sum', () => {
    const before = series('memory', [60, 100], [50, 110], [40, 120]);
    const after = series('memory', [45, 50], [35, 60], [25, 70], [15, 80], [5, 90]);
    const [line, ...others] = mergeSeries(metric(gauge, after, before), 'values', now);
    expect(others).toEqual([]);
    expect(line).toMatchObject({
      label: 'memory',
      instances: 2,
      segments: [before.numbers, after.numbers],
    });
  });

  it('of pods that run at a time is a line for each, with its number', () => {
    const one = series('memory', [30, 1], [20, 1], [10, 1], [0, 1]);
    const other = series('memory', [31, 2], [21, 2], [11, 2], [1, 2]);
    const lines = mergeSeries(metric(gauge, one, other), 'values', now);
    expect(lines.map(({ label }) => label)).toEqual(['memory · instance 1', 'memory · instance 2']);
    expect(lines.map(({ segments }) => segments)).toEqual([[other.numbers], [one.numbers]]);
  });
});

it('tells labels apart, and leaves out a series without values', () => {
  const lines = mergeSeries(
    metric({}, series('a', [10, 1], [0, 2]), series('b', [10, 1], [0, 3]), series('c')),
    'rates',
    now,
  );
  expect(lines.map(({ label }) => label)).toEqual(['a', 'b']);
});

it('takes the median for the interval of a sender, and a minute where there is none', () => {
  expect(intervalOf([0, 10, 20, 30, 100])).toBe(10);
  expect(intervalOf([5])).toBe(60_000);
  expect(intervalOf([5, 5])).toBe(60_000);
});

it.each([
  ['three exports are missing', [200, 100], 0],
  ['a single point is three minutes old', [180.001], 180],
])('has an end when %s', (_, ago, expected) => {
  const times = ago.map((seconds) => now - seconds * 1000);
  expect(endOf(times, now) === undefined).toBe(expected === 0);
});
