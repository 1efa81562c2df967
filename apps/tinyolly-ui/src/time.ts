const nanosPerMilli = 1_000_000n;

/** Unix nanoseconds of a decimal string; 0 for anything else, so that one bad record cannot hide a page. */
export function parseNanos(text: string): bigint {
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

export function toMillis(nanos: bigint): number {
  return Number(nanos / nanosPerMilli);
}

export function fromMillis(millis: number): bigint {
  return BigInt(Math.trunc(millis)) * nanosPerMilli;
}

/** Three significant digits in the unit that suits: `850 ns`, `12.3 ms`, `1.25 s`, `2 min 05 s`, `3 h 07 min`. */
export function formatDuration(ns: number): string {
  if (!Number.isFinite(ns)) return '–';
  if (ns < 0) return `−${formatDuration(-ns)}`;
  if (ns < 999.5) return `${Math.round(ns)} ns`;
  for (const [unit, size] of [
    ['µs', 1e3],
    ['ms', 1e6],
  ] as const) {
    const text = threeDigits(ns / size);
    if (Number(text) < 1000) return `${text} ${unit}`;
  }
  const seconds = ns / 1e9;
  if (Number(threeDigits(seconds)) < 60) return `${threeDigits(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${twoDigits(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

const nanosPerUnit: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  min: 60e9,
  h: 3600e9,
};

/** Nanoseconds of a typed duration such as `250ms`, `1.5 s` or `2min`, milliseconds without a unit; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = 'ms'] = /^(\d*\.?\d+)\s*([a-zµ]+)?$/i.exec(text.trim()) ?? [];
  const size = nanosPerUnit[unit.toLowerCase()];
  if (number === undefined || size === undefined) return undefined;
  const ns = Math.round(Number(number) * size);
  return Number.isSafeInteger(ns) ? ns : undefined;
}

/** Local wall clock with milliseconds, `14:03:22.123`. */
export function formatClock(nanos: bigint): string {
  const date = new Date(toMillis(nanos));
  const milliseconds = String(date.getMilliseconds()).padStart(3, '0');
  return `${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:${twoDigits(date.getSeconds())}.${milliseconds}`;
}

/** Local date and wall clock with its zone, `2026-01-15 14:03:22.123 +01:00`. */
export function formatDateTime(nanos: bigint): string {
  const offset = -new Date(toMillis(nanos)).getTimezoneOffset();
  const zone = `${twoDigits(Math.trunc(Math.abs(offset) / 60))}:${twoDigits(Math.abs(offset) % 60)}`;
  return `${formatDate(nanos)} ${formatClock(nanos)} ${offset < 0 ? '−' : '+'}${zone}`;
}

/** Local wall clock, with the date where it is not that of `now`. */
export function formatMoment(nanos: bigint, now: bigint): string {
  const date = formatDate(nanos);
  return date === formatDate(now) ? formatClock(nanos) : `${date} ${formatClock(nanos)}`;
}

function formatDate(nanos: bigint): string {
  const date = new Date(toMillis(nanos));
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
}

/** Time since `nanos`: `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`. */
export function formatAge(nanos: bigint, now: bigint): string {
  const seconds = Number((now - nanos) / 1_000_000_000n);
  if (seconds < 1) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Time from `start` to `nanos`, with a sign: an event's place in its trace. */
export function formatOffset(nanos: bigint, start: bigint): string {
  const text = formatDuration(Number(nanos - start));
  return text.startsWith('−') ? text : `+${text}`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
