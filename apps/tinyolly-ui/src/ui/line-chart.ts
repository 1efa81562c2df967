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
} from '../chart';
import { h, type VElement } from '../dom';
import type { MergedLine } from '../merge-series';
import { formatMeasure } from '../numbers';
import { colourAt } from '../palette';
import { formatClock, fromMillis } from '../time';

export interface LineChartArgs {
  /** What the chart shows, for those who do not see it. */
  readonly label: string;
  readonly lines: readonly (Line & Partial<MergedLine>)[];
  readonly window: TimeWindow;
  readonly unit: string;
  /** Whether the values are per second. */
  readonly rate: boolean;
  /** What a line is, as the heading of the table. */
  readonly noun: string;
}

/** Parts of the window that an arrow key moves the moment by. */
const steps = 60;

/** Lines over time, with their values in a table: at the moment that is pointed at, or else the latest. */
export function lineChart(redraw: () => void): (args: LineChartArgs) => VElement {
  let momentMs: number | undefined;
  let still: { readonly args: LineChartArgs; readonly parts: readonly VElement[] } | undefined;

  return (args) => {
    const { label, window, unit } = args;
    if (still?.args.lines !== args.lines) still = { args, parts: partsOf(args) };
    const [svg, ...ticks] = still.parts;
    const moment = momentMs;
    const move = (timeMs: number | undefined): void => {
      momentMs = timeMs;
      redraw();
    };
    const onKey = (event: KeyboardEvent): void => {
      const step = (window.toMs - window.fromMs) / steps;
      const from = moment ?? window.toMs;
      const to = new Map([
        ['ArrowLeft', Math.max(from - step, window.fromMs)],
        ['ArrowRight', Math.min(from + step, window.toMs)],
        ['Home', window.fromMs],
        ['End', window.toMs],
      ]).get(event.key);
      if (to === undefined && event.key !== 'Escape') return;
      event.preventDefault();
      move(to);
    };
    return h(
      'div',
      { key: 'chart' },
      h(
        'figure',
        { class: 'chart', 'aria-label': `${label} over time; values in the table` },
        ticks,
        h(
          'div',
          {
            class: 'plot',
            role: 'slider',
            tabindex: 0,
            'aria-label': 'Moment of the values in the table',
            'aria-valuemin': 0,
            'aria-valuemax': steps,
            'aria-valuenow': Math.round(
              moment === undefined ? steps : positionOf(window, moment) * steps,
            ),
            'aria-valuetext': moment === undefined ? 'Latest' : formatClock(fromMillis(moment)),
            on: {
              keydown: onKey,
              pointermove: (event) => {
                if (!(event.currentTarget instanceof Element)) return;
                const box = event.currentTarget.getBoundingClientRect();
                move(timeAt(window, pointerPosition(event.clientX, box)));
              },
              pointerleave: () => {
                move(undefined);
              },
              blur: () => {
                move(undefined);
              },
            },
          },
          svg,
          moment !== undefined &&
            h('div', {
              class: 'crosshair',
              style: { '--position': String(positionOf(window, moment)) },
            }),
        ),
      ),
      legend(args, unit, moment),
    );
  };
}

/** What stays as it is while the moment moves: the lines, then the ticks. */
function partsOf({ lines, window, unit }: LineChartArgs): VElement[] {
  const chart = layoutLineChart(lines, window, unit);
  return [
    h(
      'svg',
      { viewBox: `0 0 ${chartSize} ${chartSize}`, preserveAspectRatio: 'none' },
      chart.paths.map((d, index) =>
        h('path', {
          d,
          class: `line colour-${colourAt(index)}${lines[index]?.endedMs === undefined ? '' : ' ended'}`,
        }),
      ),
    ),
    ...chart.yTicks.map(({ position, label }) =>
      h(
        'div',
        { class: 'y-tick', style: { '--position': String(position) } },
        h('span', {}, label),
      ),
    ),
    ...chart.xTicks.map(({ position, label }) =>
      h('span', { class: 'x-tick', style: { '--position': String(position) } }, label),
    ),
  ];
}

function legend(
  { lines, window, rate, noun }: LineChartArgs,
  unit: string,
  moment: number | undefined,
): VElement {
  const measure = (value: number | undefined): string =>
    value === undefined ? '–' : `${formatMeasure(value, unit)}${rate ? '/s' : ''}`;
  const within = (window.toMs - window.fromMs) / 10;
  return h(
    'div',
    { class: 'legend' },
    h(
      'table',
      { class: 'rows', 'aria-label': 'Values' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, noun),
          h(
            'th',
            { scope: 'col', class: 'number' },
            moment === undefined ? 'Latest' : `At ${formatClock(fromMillis(moment))}`,
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
          const { endedMs } = line;
          return h(
            'tr',
            { key: line.label },
            h(
              'td',
              { class: 'grow' },
              h('span', { class: `dot colour-${colourAt(index)}`, 'aria-hidden': 'true' }),
              line.label,
              (line.instances ?? 1) > 1 &&
                h('span', { class: 'faint id' }, `${line.instances ?? 1} instances`),
            ),
            moment === undefined && endedMs !== undefined
              ? h(
                  'td',
                  { class: 'number faint' },
                  `ended ${formatClock(fromMillis(endedMs)).slice(0, 8)}`,
                )
              : h(
                  'td',
                  { class: 'number strong' },
                  measure(moment === undefined ? last : nearestPoint(line, moment, within)?.value),
                ),
            h('td', { class: 'number' }, measure(low)),
            h('td', { class: 'number' }, measure(high)),
          );
        }),
      ),
    ),
  );
}
