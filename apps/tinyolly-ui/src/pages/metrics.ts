import {
  chartSize,
  layoutLineChart,
  type Line,
  nearestPoint,
  pointerPosition,
  positionOf,
  summariseLine,
  timeAt,
  type TimeWindow,
  toRates,
  windowUntil,
} from '../chart';
import { h, type VElement } from '../dom';
import { latestDistribution, layoutHistogram } from '../histogram';
import type { Metric, MetricSeries, Series } from '../model';
import { formatCount, formatMeasure, formatShare, plural, unitName } from '../numbers';
import type { Page, PageContext } from '../page';
import { hiddenRows } from '../paging';
import { colourAt } from '../palette';
import { formatRoute, type MetricsRoute } from '../router';
import { formatClock, fromMillis } from '../time';
import { searchBox, select, toggle, toolbar } from '../ui/controls';
import { emptyState, waitingFor } from '../ui/notices';

const mostSeries = 20;
const typeNames: Readonly<Record<Metric['type'], string>> = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exp. histogram',
  summary: 'summary',
};

interface Loaded {
  readonly metric: MetricSeries;
  readonly window: TimeWindow;
}

export function metricsPage(context: PageContext): Page<MetricsRoute> {
  let metrics: readonly Metric[] | undefined;
  let loaded: Loaded | undefined;
  let hoveredMs: number | undefined;

  return (route) => {
    if (loaded?.metric.name !== route.name) loaded = undefined;

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
              href: formatRoute({ ...route, name: metric.name, raw: false }),
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
          choices: [5, 10, 30].map((minutes) => ({
            value: String(minutes),
            label: `Last ${minutes} minutes`,
          })),
          onChange: (minutes) => {
            context.go({ ...route, minutes: Number(minutes) });
          },
        }),
      );

    const detail = ({ metric, window }: Loaded): VElement => {
      const asRate =
        metric.type === 'sum' && metric.monotonic && metric.temporality === 'CUMULATIVE';
      return h(
        'section',
        { class: 'metric', key: `metric ${metric.name}` },
        h(
          'header',
          { class: 'section-head' },
          h('h2', { class: 'mono' }, metric.name),
          asRate &&
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
              `No points in the last ${route.minutes} minutes`,
              'Choose a longer time range, or wait for the next export.',
            )
          : metric.type === 'gauge' || metric.type === 'sum'
            ? lineChart(metric, window, asRate && !route.raw)
            : metric.type === 'summary'
              ? summaries(metric)
              : histograms(metric),
        tooMany(metric),
      );
    };

    return {
      title: route.name === '' ? 'Metrics' : `${route.name} · Metrics`,
      async load(signal) {
        const [all, metric] = await Promise.all([
          context.api.metrics(signal),
          route.name === ''
            ? undefined
            : context.api.metricSeries(route.name, route.minutes, signal),
        ]);
        metrics = all;
        loaded = metric && { metric, window: windowUntil(Date.now(), route.minutes) };
      },
      render() {
        if (!metrics) return undefined;
        if (metrics.length === 0) {
          return h('div', { class: 'page', key: 'metrics' }, waitingFor('metrics'));
        }
        return h(
          'div',
          { class: 'page', key: 'metrics' },
          controls(),
          h(
            'div',
            { class: 'master-detail' },
            list(metrics),
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

  function lineChart(metric: MetricSeries, window: TimeWindow, rate: boolean): VElement {
    const lines: Line[] = shown(metric).map(({ label, numbers }) => ({
      label,
      points: rate ? toRates(numbers) : numbers,
    }));
    const chart = layoutLineChart(lines, window, metric.unit);
    const hovered = hoveredMs;
    return h(
      'div',
      { key: 'chart' },
      h(
        'figure',
        {
          class: 'chart',
          role: 'img',
          'aria-label': `${metric.name} over time; values in the table`,
        },
        chart.yTicks.map(({ position, label }) =>
          h(
            'div',
            { class: 'y-tick', style: { '--position': String(position) } },
            h('span', {}, label),
          ),
        ),
        chart.xTicks.map(({ position, label }) =>
          h('span', { class: 'x-tick', style: { '--position': String(position) } }, label),
        ),
        h(
          'div',
          {
            class: 'plot',
            on: {
              pointermove: (event) => {
                if (!(event.currentTarget instanceof Element)) return;
                const box = event.currentTarget.getBoundingClientRect();
                hoveredMs = timeAt(window, pointerPosition(event.clientX, box));
                context.redraw();
              },
              pointerleave: () => {
                hoveredMs = undefined;
                context.redraw();
              },
            },
          },
          h(
            'svg',
            { viewBox: `0 0 ${chartSize} ${chartSize}`, preserveAspectRatio: 'none' },
            chart.paths.map((d, index) =>
              h('path', { d, class: `line colour-${colourAt(index)}` }),
            ),
          ),
          hovered !== undefined &&
            h('div', {
              class: 'crosshair',
              style: { '--position': String(positionOf(window, hovered)) },
            }),
        ),
      ),
      legend(lines, metric.unit, rate, hovered),
    );
  }

  function legend(
    lines: readonly Line[],
    unit: string,
    rate: boolean,
    hovered: number | undefined,
  ): VElement {
    const measure = (value: number | undefined): string =>
      value === undefined ? '–' : `${formatMeasure(value, unit)}${rate ? '/s' : ''}`;
    return h(
      'table',
      { class: 'rows', 'aria-label': 'Series' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Series'),
          h(
            'th',
            { scope: 'col', class: 'number' },
            hovered === undefined ? 'Latest' : `At ${formatClock(fromMillis(hovered))}`,
          ),
          h('th', { scope: 'col', class: 'number' }, 'Min'),
          h('th', { scope: 'col', class: 'number' }, 'Max'),
        ),
      ),
      h(
        'tbody',
        {},
        lines.map((line, index) => {
          const { last, low, high } = summariseLine(line);
          const value = hovered === undefined ? last : nearestPoint(line, hovered)?.value;
          return h(
            'tr',
            { key: line.label },
            h(
              'td',
              { class: 'grow' },
              h('span', { class: `dot colour-${colourAt(index)}`, 'aria-hidden': 'true' }),
              line.label,
            ),
            h('td', { class: 'number strong' }, measure(value)),
            h('td', { class: 'number' }, measure(low)),
            h('td', { class: 'number' }, measure(high)),
          );
        }),
      ),
    );
  }

  function histograms(metric: MetricSeries): VElement {
    return h('div', { class: 'histograms', key: 'histograms' }, shown(metric).map(histogramOf));

    function histogramOf({ label, distributions }: Series, index: number): VElement | false {
      const point = latestDistribution(distributions, metric.temporality);
      if (!point) return false;
      const histogram = layoutHistogram(point, metric.unit);
      const facts = (['mean', 'p50', 'p95', 'p99'] as const).map((name) => {
        const value = histogram[name];
        return { name, text: value === undefined ? '–' : formatMeasure(value, metric.unit) };
      });
      return h(
        'figure',
        { class: 'histogram', key: label },
        h('figcaption', {}, label),
        h(
          'dl',
          { class: 'facts' },
          h('div', {}, h('dt', {}, 'count'), h('dd', {}, formatCount(histogram.count))),
          facts.map(({ name, text }) => h('div', {}, h('dt', {}, name), h('dd', {}, text))),
        ),
        histogram.bars.length === 0
          ? h('p', { class: 'faint' }, 'Sent without buckets.')
          : h(
              'ul',
              { class: 'bars', 'aria-label': 'Buckets' },
              histogram.bars.map((bar) => {
                const text = `${bar.label}: ${formatCount(bar.count)}`;
                return h(
                  'li',
                  { title: text, 'aria-label': text },
                  h('div', {
                    class: `colour-${colourAt(index)}`,
                    style: { '--height': String(bar.height) },
                  }),
                );
              }),
            ),
        histogram.bars.length > 0 &&
          h(
            'div',
            { class: 'bar-range faint', 'aria-hidden': 'true' },
            h('span', {}, histogram.from),
            h('span', {}, histogram.to),
          ),
      );
    }
  }

  function summaries(metric: MetricSeries): VElement {
    const measure = (value: number | undefined): string =>
      value === undefined ? '–' : formatMeasure(value, metric.unit);
    return h(
      'div',
      { class: 'histograms', key: 'summaries' },
      shown(metric).map(({ label, distributions }) => {
        const point = distributions.at(-1);
        return (
          point &&
          h(
            'figure',
            { class: 'histogram', key: label },
            h('figcaption', {}, label),
            h(
              'dl',
              { class: 'facts' },
              h('div', {}, h('dt', {}, 'count'), h('dd', {}, formatCount(point.count))),
              point.quantiles.map(({ quantile, value }) =>
                h('div', {}, h('dt', {}, formatShare(quantile)), h('dd', {}, measure(value))),
              ),
            ),
          )
        );
      }),
    );
  }
}

function shown({ series }: MetricSeries): readonly Series[] {
  return series.slice(0, mostSeries);
}

function tooMany({ series }: MetricSeries): VElement | false {
  const hidden = hiddenRows(series.length, mostSeries);
  return (
    hidden > 0 &&
    h(
      'p',
      { class: 'faint' },
      `The first ${mostSeries} series are drawn, ${formatCount(hidden)} are not.`,
    )
  );
}
