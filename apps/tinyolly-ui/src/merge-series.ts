import { type Line, type TimeWindow, toRates } from './chart';
import { groupBy } from './group-by';
import type { MetricSeries, NumberPoint, Series } from './model';

/**
 * A line of a chart. Several processes send series of equal labels, as those of a restarted pod and the one before it do: what adds up
 * is added up, and other values are one line where one followed the other.
 */
export interface MergedLine extends Line {
  /** How many series it is made of. */
  readonly instances: number;
  /** Time of the last point where nothing has come since for too long. */
  readonly endedMs: number | undefined;
}

/** What a chart of numbers shows: the values as they are, or what a count grows by in a second. */
export type Shown = 'values' | 'rates';

/** Time between two exports of a sender that sent one point only. */
const usualIntervalMs = 60_000;
const shortestPauseMs = 30_000;

/** The metric's lines at `nowMs`, those that ended last. */
export function mergeSeries(metric: MetricSeries, shown: Shown, nowMs: number): MergedLine[] {
  const groups = groupBy(
    metric.series.filter(({ numbers }) => numbers.length > 0),
    ({ label }) => label,
  );
  const merged = [...groups].flatMap(([label, series]) =>
    metric.type === 'sum'
      ? [{ label, segments: addUp(metric, series, shown), ...lifeOf(series, nowMs) }]
      : inTurn(label, series, nowMs),
  );
  return merged.toSorted(
    (a, b) => Number(a.endedMs !== undefined) - Number(b.endedMs !== undefined),
  );
}

/** Usual time between neighbours, which is their median. */
export function intervalOf(times: readonly number[]): number {
  const gaps = times
    .map((time, index) => time - (times[index - 1] ?? time))
    .filter((gap) => gap > 0)
    .sort((a, b) => a - b);
  return gaps[Math.floor(gaps.length / 2)] ?? usualIntervalMs;
}

/** Last of some times, unless something may still come: three exports have to be missing. */
export function endOf(times: readonly number[], nowMs: number): number | undefined {
  const last = times.reduce((latest, time) => Math.max(latest, time), -Infinity);
  const pause = Math.max(3 * intervalOf(times), shortestPauseMs);
  return nowMs - last > pause ? last : undefined;
}

function lifeOf(
  series: readonly Series[],
  nowMs: number,
): Pick<MergedLine, 'instances' | 'endedMs'> {
  const ends = series.map(({ numbers }) => endOf(timesOf(numbers), nowMs));
  const ended = ends.filter((end) => end !== undefined);
  return {
    instances: series.length,
    endedMs: ended.length === series.length ? Math.max(...ended) : undefined,
  };
}

function addUp(
  metric: MetricSeries,
  series: readonly Series[],
  shown: Shown,
): (readonly NumberPoint[])[] {
  const spread = shown === 'rates' || metric.temporality === 'DELTA';
  const parts = series.map(({ numbers }) => (shown === 'rates' ? toRates(numbers) : numbers));
  const [only] = parts;
  if (parts.length === 1 && only) return [only];
  // A count of what happened stays when its sender is gone; how many there are does not.
  const stays = !spread && metric.monotonic;
  const times = [...new Set(parts.flatMap(timesOf))].sort((a, b) => a - b);
  const edges = { fromMs: times[0] ?? 0, toMs: times.at(-1) ?? 0 };
  const readers = parts.map((points) =>
    spread ? readSpread(points, edges) : readHeld(points, edges, stays),
  );
  return [
    times.map((timeMs) => ({
      timeMs,
      value: readers.reduce((sum, read) => sum + (read(timeMs) ?? 0), 0),
    })),
  ];
}

/** One line for series of which each began when another one ended; more where several sent at a time. */
function inTurn(label: string, series: readonly Series[], nowMs: number): MergedLine[] {
  const lanes: Series[][] = [];
  for (const one of series.toSorted((a, b) => firstOf(a) - firstOf(b))) {
    const free = lanes
      .filter((lane) =>
        lane.every((other) => lastOf(other) - patience(other.numbers) <= firstOf(one)),
      )
      .sort((a, b) => lastOfAll(b) - lastOfAll(a));
    if (free[0]) free[0].push(one);
    else lanes.push([one]);
  }
  return lanes.map((lane, index) => ({
    label: lanes.length === 1 ? label : `${label} · instance ${index + 1}`,
    segments: lane.map(({ numbers }) => numbers),
    ...lifeOf(lane, nowMs),
  }));
}

type Read = (timeMs: number) => number | undefined;

/**
 * Reads ascending times of values that each hold for the time since the one before: rates, and counts of an interval. At the edges of
 * all times the first and the last one hold a little longer, since senders do not export at the same moment.
 */
function readSpread(points: readonly NumberPoint[], edges: TimeWindow): Read {
  const wait = patience(points);
  const first = points[0]?.timeMs ?? 0;
  const from = first - wait <= edges.fromMs ? edges.fromMs : first;
  const until = endOfHold(points, edges);
  let next = 0;
  return (timeMs) => {
    while ((points[next]?.timeMs ?? Infinity) < timeMs) next += 1;
    const point = points[next] ?? points.at(-1);
    return timeMs >= from && timeMs <= until ? point?.value : undefined;
  };
}

/** Reads ascending times of values that each hold until the next one; the last `stays` for ever, or as long as others wait for one. */
function readHeld(points: readonly NumberPoint[], edges: TimeWindow, stays: boolean): Read {
  const until = stays ? Infinity : endOfHold(points, edges);
  let next = 0;
  return (timeMs) => {
    while ((points[next]?.timeMs ?? Infinity) <= timeMs) next += 1;
    return timeMs <= until ? points[next - 1]?.value : undefined;
  };
}

function endOfHold(points: readonly NumberPoint[], { toMs }: TimeWindow): number {
  const last = points.at(-1)?.timeMs ?? 0;
  return last + patience(points) >= toMs ? toMs : last;
}

/** How long a value may stand for those to come, which is a little more than one export. */
function patience(points: readonly NumberPoint[]): number {
  return 1.5 * intervalOf(timesOf(points));
}

function timesOf(points: readonly NumberPoint[]): number[] {
  return points.map(({ timeMs }) => timeMs);
}

function firstOf({ numbers }: Series): number {
  return numbers[0]?.timeMs ?? 0;
}

function lastOf({ numbers }: Series): number {
  return numbers.at(-1)?.timeMs ?? 0;
}

function lastOfAll(lane: readonly Series[]): number {
  return Math.max(...lane.map(lastOf));
}
