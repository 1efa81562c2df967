import { formatDuration } from './time';

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat('en', { maximumSignificantDigits: 4 });
const nanosPerUnit: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };
const binaryPrefixes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Exact up to 99,999, then compact: `104.2K`. */
export function formatCount(count: number): string {
  return Math.abs(count) < 100_000 ? whole.format(count) : compact.format(count);
}

/** A count with its noun: `1 span`, `2 spans`; give the plural where it is not made with an s. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : nouns}`;
}

/** Part of a whole between 0 and 1 as per cent: `0 %`, `0.4 %`, `12 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}

/** A measured value in its UCUM unit: bytes and times are scaled, annotations such as `{request}` are dropped. */
export function formatMeasure(value: number, unit: string): string {
  if (!Number.isFinite(value)) return '–';
  const nanos = nanosPerUnit[unit];
  if (nanos !== undefined && value !== 0) return formatDuration(value * nanos);
  if (unit === 'By') return formatBytes(value);
  const number = Math.abs(value) < 1e6 ? precise.format(value) : compact.format(value);
  const name = unitName(unit);
  return name === '' ? number : `${number} ${name}`;
}

/** What to print for a UCUM unit: nothing for `1` and annotations. */
export function unitName(unit: string): string {
  const name = unit.replace(/\{[^}]*\}/g, '');
  return name === '1' ? '' : name;
}

function formatBytes(value: number): string {
  let scaled = value;
  let power = 0;
  while (Math.abs(scaled) >= 1024 && power < binaryPrefixes.length - 1) {
    scaled /= 1024;
    power += 1;
  }
  return `${precise.format(scaled)} ${binaryPrefixes[power] ?? ''}`;
}
