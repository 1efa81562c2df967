import type { NumberPoint } from './model';
import { formatMeasure } from './numbers';
import type { Tick } from './waterfall';

export interface Line {
  readonly label: string;
  /** Points by time; the line is broken between two segments. */
  readonly segments: readonly (readonly NumberPoint[])[];
}

export interface TimeWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Paths in a square of {@link chartSize} units, y downwards; ticks as parts of it, 0 at the left and at the bottom. */
export interface LineChart {
  readonly paths: readonly string[];
  readonly xTicks: readonly Tick[];
  readonly yTicks: readonly Tick[];
}

export const chartSize = 1000;
const timeSteps = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].map((s) => s * 1000);
const mostTimeTicks = 7;
const yIntervals = 4;

export function layoutLineChart(
  lines: readonly Line[],
  window: TimeWindow,
  unit: string,
): LineChart {
  const values = lines.flatMap((line) => line.segments.flat().map((point) => point.value));
  const [from, to] = widen(minimum(values), maximum(values));
  const yTicks = unit === 'By' ? byteTicks(from, to) : niceTicks(from, to, yIntervals);
  const low = yTicks[0] ?? 0;
  const high = yTicks.at(-1) ?? 1;
  const x = scale(window.fromMs, window.toMs);
  const y = scale(low, high);
  return {
    paths: lines.map(({ segments }) => segments.map((points) => toPath(points, x, y)).join('')),
    xTicks: timeTicks(window).map((timeMs) => ({ position: x(timeMs), label: clock(timeMs) })),
    yTicks: yTicks.map((value) => ({ position: y(value), label: formatMeasure(value, unit) })),
  };
}

/** Round numbers (1, 2 or 5 times a power of ten apart) from just below `low` to just above `high`. */
export function niceTicks(low: number, high: number, intervals: number): number[] {
  const rough = (high - low) / intervals;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => clean((first + index) * step));
}

/** Ticks that are round in KiB, MiB or GiB, whichever suits the largest. */
function byteTicks(low: number, high: number): number[] {
  const largest = Math.max(Math.abs(low), Math.abs(high), 1);
  const unit = 1024 ** Math.floor(Math.log(largest) / Math.log(1024));
  return niceTicks(low / unit, high / unit, yIntervals).map((tick) => tick * unit);
}

/** Round times inside the window, at most seven. */
export function timeTicks({ fromMs, toMs }: TimeWindow): number[] {
  const span = toMs - fromMs;
  const step = timeSteps.find((size) => span / size < mostTimeTicks) ?? span;
  const ticks: number[] = [];
  for (let time = Math.ceil(fromMs / step) * step; time <= toMs; time += step) ticks.push(time);
  return ticks;
}

export function windowUntil(toMs: number, minutes: number): TimeWindow {
  return { fromMs: toMs - minutes * 60_000, toMs };
}

/** Time at a part of the window's width, 0 to 1. */
export function timeAt(window: TimeWindow, position: number): number {
  return window.fromMs + position * (window.toMs - window.fromMs);
}

/** Where a time lies in the window, 0 to 1. */
export function positionOf(window: TimeWindow, timeMs: number): number {
  return scale(window.fromMs, window.toMs)(timeMs);
}

/** Part of an element's width that a pointer is at, 0 to 1. */
export function pointerPosition(clientX: number, box: { left: number; width: number }): number {
  return box.width === 0 ? 0 : Math.min(Math.max((clientX - box.left) / box.width, 0), 1);
}

/** The line's point nearest to a time, unless it is farther away than `within`. */
export function nearestPoint(
  line: Line,
  timeMs: number,
  within = Infinity,
): NumberPoint | undefined {
  const distance = (point: NumberPoint): number => Math.abs(point.timeMs - timeMs);
  return line.segments
    .flat()
    .reduce<NumberPoint | undefined>(
      (best, point) =>
        distance(point) <= within && (!best || distance(point) < distance(best)) ? point : best,
      undefined,
    );
}

export interface LineSummary {
  readonly last: number | undefined;
  readonly low: number | undefined;
  readonly high: number | undefined;
}

export function summariseLine({ segments }: Line): LineSummary {
  const points = segments.flat();
  if (points.length === 0) return { last: undefined, low: undefined, high: undefined };
  const values = points.map((point) => point.value);
  return { last: values.at(-1), low: minimum(values), high: maximum(values) };
}

/** Increase per second between neighbours of a cumulative count; a fall is a restart that counted from zero. */
export function toRates(points: readonly NumberPoint[]): NumberPoint[] {
  const rates: NumberPoint[] = [];
  let previous: NumberPoint | undefined;
  for (const point of points) {
    if (previous && point.timeMs > previous.timeMs) {
      const grown = point.value < previous.value ? point.value : point.value - previous.value;
      const seconds = (point.timeMs - previous.timeMs) / 1000;
      rates.push({ timeMs: point.timeMs, value: grown / seconds });
    }
    previous = point;
  }
  return rates;
}

function toPath(
  points: readonly NumberPoint[],
  x: (timeMs: number) => number,
  y: (value: number) => number,
): string {
  const places = points.map(
    ({ timeMs, value }) => `${toUnits(x(timeMs))},${toUnits(1 - y(value))}`,
  );
  // A path of one point paints nothing, but one that returns to its start paints a dot with round caps.
  const [only] = places;
  if (places.length === 1 && only !== undefined) return `M${only}L${only}`;
  return places.length === 0 ? '' : `M${places.join('L')}`;
}

function toUnits(part: number): number {
  return Math.round(part * chartSize * 10) / 10;
}

function scale(from: number, to: number): (value: number) => number {
  return (value) => (to === from ? 0.5 : (value - from) / (to - from));
}

/** A range that is never empty; what `niceTicks` and `byteTicks` divide. */
function widen(low: number, high: number): [number, number] {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return [0, 1];
  // A chart from zero shows sizes; only values far from zero are worth a closer look at their changes.
  const from = low > 0 && low < high * 0.7 ? 0 : low;
  if (high > from) return [from, high];
  if (low === 0) return [0, 1];
  return low > 0 ? [0, low] : [low, 0];
}

function clean(value: number): number {
  return Number(value.toPrecision(12));
}

function minimum(values: readonly number[]): number {
  return values.reduce((low, value) => (value < low ? value : low), Infinity);
}

function maximum(values: readonly number[]): number {
  return values.reduce((high, value) => (value > high ? value : high), -Infinity);
}

function clock(timeMs: number): string {
  const date = new Date(timeMs);
  const [hours, minutes, seconds] = [date.getHours(), date.getMinutes(), date.getSeconds()].map(
    (part) => String(part).padStart(2, '0'),
  );
  return seconds === '00' ? `${hours}:${minutes}` : `${hours}:${minutes}:${seconds}`;
}
