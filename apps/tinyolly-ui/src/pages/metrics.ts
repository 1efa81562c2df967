import { type TimeWindow, windowUntil } from '../chart';
import { allTogether, type DistributionRow, distributionRows, linesOf } from '../distribution-rows';
import { percentiles } from '../distributions';
import { h, type VElement } from '../dom';
import { meanOf, quantile } from '../histogram';
import { mergeSeries } from '../merge-series';
import type { Distribution, Metric, MetricSeries } from '../model';
import { formatCount, formatMeasure, formatShare, plural, unitName } from '../numbers';
import type { Page, PageContext } from '../page';
import { hiddenRows } from '../paging';
import { formatRoute, type MetricsRoute } from '../router';
import { formatClock, fromMillis } from '../time';
import { bucketChart } from '../ui/bucket-chart';
import { searchBox, select, toggle, toolbar } from '../ui/controls';
import { type LineChartArgs, lineChart } from '../ui/line-chart';
import { emptyState, waitingFor } from '../ui/notices';

const mostRows = 20;
const typeNames: Readonly<Record<Metric['type'], string>> = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exp. histogram',
  summary: 'summary',
};

interface Loaded {
  readonly metric: MetricSeries;
  readonly minutes: number;
  readonly window: TimeWindow;
}

export function metricsPage(context: PageContext): Page<MetricsRoute> {
  const chart = lineChart(context.redraw);
  let metrics: readonly Metric[] | undefined;
  let loaded: Loaded | undefined;

  return (route) => {
    if (loaded?.metric.name !== route.name) loaded = undefined;
    let listed: { readonly of: readonly Metric[]; readonly element: VElement } | undefined;
    let drawn: { readonly of: Loaded; readonly contents: () => readonly VElement[] } | undefined;

    const list = (all: readonly Metric[]): VElement => {
      const wanted = route.q.toLowerCase();
      const matching = all.filter(
        ({ name, services }) =>
          name.toLowerCase().includes(wanted) ||
          services.some((service) => service.toLowerCase().includes(wanted)),
      );
      return h(
        'nav',
        { class: 'metric-list', key: 'list', 'aria-label': 'Metrics' },
        matching.length === 0 &&
          h('p', { class: 'faint' }, 'No metric has such a name or service.'),
        matching.map((metric) =>
          h(
            'a',
            {
              key: metric.name,
              href: formatRoute({ ...route, name: metric.name, raw: false, series: '' }),
              'aria-current': metric.name === route.name ? 'true' : undefined,
              title: metric.description === '' ? undefined : metric.description,
            },
            h('span', { class: 'mono' }, metric.name),
            h(
              'span',
              { class: 'faint' },
              [
                typeNames[metric.type],
                unitName(metric.unit),
                plural(metric.seriesCount, 'series', 'series'),
              ]
                .filter((part) => part !== '')
                .join(' · '),
            ),
          ),
        ),
      );
    };

    const controls = (): VElement =>
      toolbar(
        'Filter metrics',
        searchBox({
          label: 'Filter by name or service',
          value: route.q,
          onInput: (q) => {
            context.go({ ...route, q }, 'replace');
          },
        }),
        select({
          label: 'Time range',
          value: String(route.minutes),
          choices: [...new Set([5, 10, 30, route.minutes])].map((minutes) => ({
            value: String(minutes),
            label: `Last ${plural(minutes, 'minute')}`,
          })),
          onChange: (minutes) => {
            context.go({ ...route, minutes: Number(minutes) });
          },
        }),
      );

    const detail = (shown: Loaded): VElement => {
      const { metric, minutes } = shown;
      if (drawn?.of !== shown) drawn = { of: shown, contents: contentsOf(shown) };
      return h(
        'section',
        {
          class: minutes === route.minutes ? 'metric' : 'metric outdated',
          key: `metric ${metric.name}`,
          'aria-busy': String(minutes !== route.minutes),
        },
        h(
          'header',
          { class: 'section-head' },
          h('h2', { class: 'mono' }, metric.name),
          isCount(metric) &&
            h(
              'div',
              { class: 'segments', role: 'group', 'aria-label': 'Show as' },
              toggle('Per second', !route.raw, () => {
                context.go({ ...route, raw: false }, 'replace');
              }),
              toggle('Total', route.raw, () => {
                context.go({ ...route, raw: true }, 'replace');
              }),
            ),
        ),
        metric.description !== '' && h('p', { class: 'faint' }, metric.description),
        metric.series.length === 0
          ? emptyState(
              `No points in the last ${plural(minutes, 'minute')}`,
              'Choose a longer time range, or wait for the next export.',
            )
          : drawn.contents(),
      );
    };

    /** Works out what does not change until the next answer, and gives what draws it. */
    const contentsOf = ({ metric, window }: Loaded): (() => readonly VElement[]) => {
      const args = { label: metric.name, window, unit: metric.unit };
      if (metric.type === 'gauge' || metric.type === 'sum') {
        const rate = isCount(metric) && !route.raw;
        const merged = mergeSeries(metric, rate ? 'rates' : 'values', window.toMs);
        const lines = merged.slice(0, mostRows);
        const note = coverage(metric, merged.length);
        return () => [chart({ ...args, lines, rate, noun: 'Series' }), ...note];
      }
      const rows = distributionRows(metric, window.toMs);
      const whole = metric.type === 'summary' ? undefined : allTogether(rows);
      const chosen = rows.find(({ label }) => label === route.series) ?? whole ?? rows[0];
      const lines = chosen
        ? linesOf(chosen, metric.type, window).map((line) => ({
            ...line,
            endedMs: chosen.endedMs,
          }))
        : [];
      const still = [
        ...(chosen ? [seriesTable(metric, rows, whole, chosen)] : []),
        ...coverage(metric, rows.length),
        ...(chosen?.total && metric.type !== 'summary'
          ? [
              bucketChart(
                `What was measured in the last ${plural(route.minutes, 'minute')}`,
                chosen.total,
                metric.unit,
              ),
            ]
          : []),
      ];
      const chartArgs: LineChartArgs = { ...args, lines, rate: false, noun: 'Percentile' };
      return () => [
        h(
          'h3',
          { key: 'chosen', class: 'chosen-series' },
          chosen === whole && rows.length > 1 ? 'All series together' : (chosen?.label ?? ''),
        ),
        chart(chartArgs),
        ...still,
      ];
    };

    /** The series with their figures; each leads to its percentiles over time. */
    const seriesTable = (
      metric: MetricSeries,
      rows: readonly DistributionRow[],
      whole: DistributionRow | undefined,
      chosen: DistributionRow,
    ): VElement => {
      const figures = figuresOf(metric, rows);
      const row = (entry: DistributionRow): VElement =>
        h(
          'tr',
          { key: entry.label, class: entry === chosen ? 'chosen' : undefined },
          h(
            'td',
            { class: 'grow' },
            h(
              'a',
              {
                href: formatRoute({ ...route, series: entry.label }),
                'aria-current': entry === chosen ? 'true' : undefined,
              },
              entry === whole ? 'All series together' : entry.label,
            ),
            entry !== whole &&
              entry.series.length > 1 &&
              h('span', { class: 'faint id' }, `${entry.series.length} instances`),
            entry.endedMs !== undefined &&
              h(
                'span',
                { class: 'badge' },
                `ended ${formatClock(fromMillis(entry.endedMs)).slice(0, 8)}`,
              ),
          ),
          figures.map(({ read }) =>
            h('td', { class: 'number' }, entry.total ? read(entry.total) : '–'),
          ),
        );
      return h(
        'div',
        { class: 'legend', key: 'series' },
        h(
          'table',
          { class: 'rows', 'aria-label': 'Series' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, `Series, in the last ${plural(route.minutes, 'minute')}`),
              figures.map(({ title }) => h('th', { scope: 'col', class: 'number' }, title)),
            ),
          ),
          h('tbody', {}, whole && rows.length > 1 && row(whole), rows.slice(0, mostRows).map(row)),
        ),
      );
    };

    /** Says why the rows are fewer than the series of the list. */
    const coverage = ({ name, series }: MetricSeries, rows: number): VElement[] => {
      const kept = metrics?.find((metric) => metric.name === name)?.seriesCount ?? series.length;
      const silent = hiddenRows(kept, series.length);
      const hidden = hiddenRows(rows, mostRows);
      const parts = [
        rows < series.length &&
          `${plural(series.length, 'series', 'series')} in ${plural(rows, 'row')}: those of equal labels come from several instances, such as pods before and after a roll-out.`,
        silent > 0 &&
          `${formatCount(silent)} of the ${formatCount(kept)} series that are kept sent nothing in the last ${plural(route.minutes, 'minute')}.`,
        hidden > 0 && `The first ${mostRows} rows are shown, ${formatCount(hidden)} are not.`,
      ].filter((part) => part !== false);
      return parts.length === 0
        ? []
        : [h('p', { class: 'faint', key: 'coverage' }, parts.join(' '))];
    };

    return {
      title: route.name === '' ? 'Metrics' : `${route.name} · Metrics`,
      source: `metric ${route.name} ${route.minutes}`,
      async load(signal) {
        const [all, metric] = await Promise.all([
          context.api.metrics(signal),
          route.name === ''
            ? undefined
            : context.api.metricSeries(route.name, route.minutes, signal),
        ]);
        metrics = all;
        const { minutes } = route;
        loaded = metric && { metric, minutes, window: windowUntil(Date.now(), minutes) };
      },
      render() {
        if (!metrics) return undefined;
        if (metrics.length === 0) {
          return h(
            'div',
            { class: 'page', key: 'metrics' },
            waitingFor('metrics', context.addresses()),
          );
        }
        if (listed?.of !== metrics) listed = { of: metrics, element: list(metrics) };
        return h(
          'div',
          { class: 'page', key: 'metrics' },
          controls(),
          h(
            'div',
            { class: 'master-detail' },
            listed.element,
            loaded
              ? detail(loaded)
              : route.name === '' &&
                  emptyState(
                    'Choose a metric',
                    'Its points are drawn here, one line for each series.',
                  ),
          ),
        );
      },
    };
  };
}

/** Whether the metric is a count that only grows, whose growth says more than it does itself. */
function isCount({ type, monotonic, temporality }: MetricSeries): boolean {
  return type === 'sum' && monotonic && temporality === 'CUMULATIVE';
}

interface Figure {
  readonly title: string;
  readonly read: (total: Distribution) => string;
}

function figuresOf({ type, unit }: MetricSeries, rows: readonly DistributionRow[]): Figure[] {
  const measure = (value: number | undefined): string =>
    value === undefined ? '–' : formatMeasure(value, unit);
  const shares = new Set(
    rows.flatMap(({ total }) => total?.quantiles.map(({ quantile: share }) => share) ?? []),
  );
  const quantiles: Figure[] =
    type === 'summary'
      ? [...shares]
          .sort((a, b) => a - b)
          .map((share) => ({
            title: formatShare(share),
            read: (total) =>
              measure(total.quantiles.find(({ quantile: sent }) => sent === share)?.value),
          }))
      : percentiles.map(({ name, share }) => ({
          title: name,
          read: (total) => measure(quantile(total, share)),
        }));
  return [
    { title: 'Count', read: ({ count }) => formatCount(Math.round(count)) },
    { title: 'Mean', read: (total) => measure(meanOf(total)) },
    ...quantiles,
  ];
}
