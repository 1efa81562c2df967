import { expect, it } from 'vitest';
import { formatCount, formatMeasure, formatShare, plural, unitName } from '../src/numbers';

it.each([
  [0, '0'],
  [10_412, '10,412'],
  [99_999, '99,999'],
  [104_200, '104.2K'],
  [3_000_000, '3M'],
])('formats the count %d as %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

it('counts nouns', () => {
  expect(plural(1, 'span')).toBe('1 span');
  expect(plural(0, 'span')).toBe('0 spans');
  expect(plural(2, 'series', 'series')).toBe('2 series');
});

it.each([
  [0, '0 %'],
  [0.0004, '<0.1 %'],
  [0.083, '8.3 %'],
  [0.5, '50 %'],
  [1, '100 %'],
])('formats the share %d as %s', (share, text) => {
  expect(formatShare(share)).toBe(text);
});

it.each([
  [1536, 'By', '1.5 KiB'],
  [-2048, 'By', '-2 KiB'],
  [0, 'By', '0 B'],
  [0.25, 's', '250 ms'],
  [96, 'ms', '96.0 ms'],
  [0, 'ms', '0 ms'],
  [12, '{request}', '12'],
  [0.12345, '1', '0.1235'],
  [3.5, 'Cel', '3.5 Cel'],
  [12_500_000, '', '12.5M'],
  [Infinity, '', '–'],
])('formats %d of unit %j as %s', (value, unit, text) => {
  expect(formatMeasure(value, unit)).toBe(text);
});

it('drops annotations and the unit one', () => {
  expect(['{request}', '1', 'By/{call}', 'ms'].map(unitName)).toEqual(['', '', 'By/', 'ms']);
});
