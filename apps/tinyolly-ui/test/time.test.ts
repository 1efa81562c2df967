import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  formatAge,
  formatClock,
  formatDateTime,
  formatDuration,
  formatMoment,
  formatOffset,
  fromMillis,
  parseDuration,
  parseNanos,
  toMillis,
} from '../src/time';

const noon = 1_768_478_602_123_456_789n;

describe('parseNanos', () => {
  it('keeps all nineteen digits', () => {
    expect(parseNanos('1768478602123456789')).toBe(noon);
  });

  it.each(['', '-1', '1.5', 'soon'])('takes %j for 0', (text) => {
    expect(parseNanos(text)).toBe(0n);
  });
});

it('converts to milliseconds and back without the rest', () => {
  expect(toMillis(noon)).toBe(1_768_478_602_123);
  expect(fromMillis(1_768_478_602_123.9)).toBe(1_768_478_602_123_000_000n);
});

it('formats clock and date with milliseconds, and the zone beside the date', () => {
  expect(formatClock(noon)).toBe('12:03:22.123');
  expect(formatDateTime(noon)).toBe('2026-01-15 12:03:22.123 +00:00');
});

describe('in another zone', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it.each([
    ['America/St_Johns', '2026-01-15 08:33:22.123 −03:30'],
    ['Asia/Kolkata', '2026-01-15 17:33:22.123 +05:30'],
  ])('%s a date is %s', (zone, text) => {
    vi.stubEnv('TZ', zone);
    expect(formatDateTime(noon)).toBe(text);
  });
});

it('names the date of what is not of today', () => {
  const day = 86_400_000_000_000n;
  expect(formatMoment(noon, noon)).toBe('12:03:22.123');
  expect(formatMoment(noon - day, noon)).toBe('2026-01-14 12:03:22.123');
});

it.each([
  ['250ms', 250e6],
  ['250', 250e6],
  [' 1.5 s ', 1.5e9],
  ['.5s', 5e8],
  ['2min', 120e9],
  ['1h', 3600e9],
  ['10 µs', 10_000],
  ['10us', 10_000],
  ['7ns', 7],
  ['0', 0],
])('reads %j as %d ns', (text, ns) => {
  expect(parseDuration(text)).toBe(ns);
});

it.each(['', 'soon', '5 days', '-1ms', '1..2s', '1e9s', '999999999h'])(
  'reads %j as none',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

it.each([
  [0, '0 ns'],
  [850, '850 ns'],
  [999.6, '1.00 µs'],
  [1234, '1.23 µs'],
  [12_345, '12.3 µs'],
  [999_960, '1.00 ms'],
  [184_000_000, '184 ms'],
  [999_960_000, '1.00 s'],
  [1_250_000_000, '1.25 s'],
  [59_990_000_000, '1 min 00 s'],
  [125_400_000_000, '2 min 05 s'],
  [3_599_900_000_000, '1 h 00 min'],
  [11_220_000_000_000, '3 h 07 min'],
  [-1500, '−1.50 µs'],
  [NaN, '–'],
])('formats a duration of %d ns as %s', (ns, text) => {
  expect(formatDuration(ns)).toBe(text);
});

it.each([
  [0n, 'now'],
  [-5n, 'now'],
  [12n, '12 s ago'],
  [299n, '4 min ago'],
  [7200n, '2 h ago'],
  [200_000n, '2 d ago'],
])('formats an age of %d s as %s', (seconds, text) => {
  expect(formatAge(noon - seconds * 1_000_000_000n, noon)).toBe(text);
});

it('gives an offset its sign, also when clocks disagree', () => {
  expect(formatOffset(noon + 81_800_000n, noon)).toBe('+81.8 ms');
  expect(formatOffset(noon - 2000n, noon)).toBe('−2.00 µs');
});
