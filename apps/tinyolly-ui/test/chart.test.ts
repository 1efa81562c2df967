import { describe, expect, it } from 'vitest';
import {
  layoutLineChart,
  nearestPoint,
  niceTicks,
  pointerPosition,
  positionOf,
  summariseLine,
  timeAt,
  timeTicks,
  toRates,
  windowUntil,
} from '../src/chart';

const noon = Date.UTC(2026, 0, 15, 12);
const tenMinutes = windowUntil(noon, 10);

function line(...values: readonly (readonly [seconds: number, value: number])[]) {
  const points = values.map(([seconds, value]) => ({ timeMs: noon + seconds * 1000, value }));
  return { label: 'line', points, segments: [points] };
}

it.each([
  [0, 7.4, [0, 2, 4, 6, 8]],
  [0, 1, [0, 0.5, 1]],
  [-3, 12, [-5, 0, 5, 10, 15]],
  [0.1, 0.3, [0.1, 0.15, 0.2, 0.25, 0.3]],
  [980, 1010, [980, 990, 1000, 1010]],
])('divides %d to %d into round steps', (low, high, ticks) => {
  expect(niceTicks(low, high, 4)).toEqual(ticks);
});

it('puts time ticks on round times inside the window', () => {
  const ticks = timeTicks({ fromMs: noon - 590_000, toMs: noon + 10_000 });
  expect(ticks.map((tick) => new Date(tick).toISOString().slice(11, 19))).toEqual([
    '11:52:00',
    '11:54:00',
    '11:56:00',
    '11:58:00',
    '12:00:00',
  ]);
});

describe('layoutLineChart', () => {
  it('draws from the left bottom to the right top', () => {
    const chart = layoutLineChart([line([-600, 0], [-300, 5], [0, 10])], tenMinutes, '');
    expect(chart.paths).toEqual(['M0,1000L500,500L1000,0']);
    expect(chart.yTicks.map(({ label }) => label)).toEqual(['0', '5', '10']);
    expect(chart.xTicks[0]).toEqual({ position: 0, label: '11:50' });
  });

  it('starts at zero unless all values are far from it', () => {
    const lowest = (...values: number[]) =>
      layoutLineChart([line(...values.map((v, i) => [-i, v] as const))], tenMinutes, '').yTicks[0]
        ?.label;
    expect(lowest(3, 10)).toBe('0');
    expect(lowest(980, 1010)).toBe('980');
    expect(lowest(7, 7)).toBe('0');
    expect(lowest(-4, -4)).toBe('-4');
  });

  it('rounds bytes in powers of 1024', () => {
    const { yTicks } = layoutLineChart([line([-9, 0], [0, 200 * 1024 * 1024])], tenMinutes, 'By');
    expect(yTicks.map(({ label }) => label)).toEqual([
      '0 B',
      '50 MiB',
      '100 MiB',
      '150 MiB',
      '200 MiB',
    ]);
  });

  it('paints a single point as a dot, and nothing for none', () => {
    expect(layoutLineChart([line([-300, 4]), line()], tenMinutes, '').paths).toEqual([
      'M500,0L500,0',
      '',
    ]);
  });

  it('leaves a gap between the segments of a line', () => {
    const segments = [...line([-600, 10], [-300, 0]).segments, ...line([0, 10]).segments];
    expect(layoutLineChart([{ label: 'line', segments }], tenMinutes, '').paths).toEqual([
      'M0,0L500,1000M1000,0L1000,0',
    ]);
  });

  it('has an axis even without any point', () => {
    expect(layoutLineChart([], tenMinutes, '').yTicks.map(({ label }) => label)).toEqual([
      '0',
      '0.5',
      '1',
    ]);
  });
});

describe('toRates', () => {
  it('gives the increase per second', () => {
    expect(toRates(line([0, 100], [10, 150], [30, 150]).points)).toEqual(
      line([10, 5], [30, 0]).points,
    );
  });

  it('takes a fall for a restart from zero', () => {
    expect(toRates(line([0, 100], [10, 20]).points)).toEqual(line([10, 2]).points);
  });

  it('skips points of the same time', () => {
    expect(toRates(line([0, 1], [0, 2], [10, 12]).points)).toEqual(line([10, 1]).points);
  });
});

it('finds the point nearest to a time', () => {
  const points = line([0, 1], [10, 2], [20, 3]);
  expect(nearestPoint(points, noon + 14_000)?.value).toBe(2);
  expect(nearestPoint(points, noon + 16_000)?.value).toBe(3);
  expect(nearestPoint(line(), noon)).toBeUndefined();
  expect(nearestPoint(points, noon + 50_000, 30_000)?.value).toBe(3);
  expect(nearestPoint(points, noon + 50_001, 30_000)).toBeUndefined();
});

it('summarises a line', () => {
  expect(summariseLine(line([0, 4], [1, 9], [2, 6]))).toEqual({ last: 6, low: 4, high: 9 });
  expect(summariseLine(line()).last).toBeUndefined();
});

it('turns a pointer into a time and back, kept inside the plot', () => {
  const box = { left: 100, width: 200 };
  expect(pointerPosition(150, box)).toBe(0.25);
  expect([pointerPosition(0, box), pointerPosition(900, box)]).toEqual([0, 1]);
  expect(pointerPosition(5, { left: 0, width: 0 })).toBe(0);
  expect(timeAt(tenMinutes, 0.5)).toBe(noon - 300_000);
  expect(positionOf(tenMinutes, noon - 300_000)).toBe(0.5);
});
