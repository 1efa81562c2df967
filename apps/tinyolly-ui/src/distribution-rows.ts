import type { Line, TimeWindow } from './chart';
import { measurements, mergeDistributions, percentileLines } from './distributions';
import { groupBy } from './group-by';
import { endOf } from './merge-series';
import type { Distribution, MetricSeries, Series } from './model';
import { formatShare } from './numbers';

/** Series of equal labels, which are those of several instances, with what they measured. */
export interface DistributionRow {
  readonly label: string;
  readonly series: readonly Series[];
  readonly measured: readonly (readonly Distribution[])[];
  /** All of it in one; undefined where nothing is to be merged. */
  readonly total: Distribution | undefined;
  /** Time of the last point where nothing has come since for too long. */
  readonly endedMs: number | undefined;
}

/** The metric's rows at `nowMs`, those that ended last. */
export function distributionRows(metric: MetricSeries, nowMs: number): DistributionRow[] {
  const groups = groupBy(
    metric.series.filter(({ distributions }) => distributions.length > 0),
    ({ label }) => label,
  );
  return [...groups]
    .map(([label, series]) => rowOf(label, series, metric, nowMs))
    .toSorted((a, b) => Number(a.endedMs !== undefined) - Number(b.endedMs !== undefined));
}

/** All rows as one. */
export function allTogether(rows: readonly DistributionRow[]): DistributionRow {
  const totals = rows.map(({ total }) => total).filter((total) => total !== undefined);
  return {
    label: '',
    series: rows.flatMap(({ series }) => series),
    measured: rows.flatMap(({ measured }) => measured),
    total: mergeDistributions(totals),
    endedMs: undefined,
  };
}

/** Percentiles over time; of a summary those that were sent. */
export function linesOf(
  { series, measured }: DistributionRow,
  type: MetricSeries['type'],
  window: TimeWindow,
): Line[] {
  return type === 'summary' ? sentQuantiles(series) : percentileLines(measured, window);
}

function rowOf(
  label: string,
  series: readonly Series[],
  { temporality, type }: MetricSeries,
  nowMs: number,
): DistributionRow {
  const measured = series.map(({ distributions }) => measurements(distributions, temporality));
  const latest = series
    .map(({ distributions }) => distributions.at(-1))
    .filter((point) => point !== undefined);
  const points = type === 'summary' || measured.flat().length === 0 ? latest : measured.flat();
  const ends = series.map(({ distributions }) =>
    endOf(
      distributions.map(({ timeMs }) => timeMs),
      nowMs,
    ),
  );
  const ended = ends.filter((end) => end !== undefined);
  return {
    label,
    series,
    measured,
    total:
      type === 'summary'
        ? latest.toSorted((a, b) => b.timeMs - a.timeMs)[0]
        : mergeDistributions(points),
    endedMs: ended.length === series.length ? Math.max(...ended) : undefined,
  };
}

function sentQuantiles(series: readonly Series[]): Line[] {
  const shares = new Set(
    series.flatMap(({ distributions }) =>
      distributions.flatMap(({ quantiles }) => quantiles.map(({ quantile }) => quantile)),
    ),
  );
  return [...shares]
    .sort((a, b) => a - b)
    .map((share) => ({
      label: formatShare(share),
      segments: series.map(({ distributions }) =>
        distributions.flatMap(({ timeMs, quantiles }) => {
          const value = quantiles.find(({ quantile }) => quantile === share)?.value;
          return value === undefined ? [] : [{ timeMs, value }];
        }),
      ),
    }));
}
