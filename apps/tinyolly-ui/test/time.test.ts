import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatClock,
  formatDateTime,
  formatDuration,
  formatOffset,
  fromMillis,
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

it('formats clock and date with milliseconds', () => {
  expect(formatClock(noon)).toBe('12:03:22.123');
  expect(formatDateTime(noon)).toBe('2026-01-15 12:03:22.123');
});

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
