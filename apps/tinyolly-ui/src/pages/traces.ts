import { h, type VElement } from '../dom';
import type { TraceSummary } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { formatRoute, routes, type TracesRoute } from '../router';
import { formatDateTime, formatDuration, formatMoment, fromMillis, parseDuration } from '../time';
import { filterChip, textField, toggle } from '../ui/controls';
import { serviceName } from '../ui/service-name';
import { type Filtering, newestFirst } from './newest-first';

export function tracesPage(context: PageContext): Page<TracesRoute> {
  let attribute = '';

  return newestFirst<TracesRoute, TraceSummary>(context, {
    title: 'Traces',
    noun: 'trace',
    all: routes.traces(),
    searched: 'span names, services and trace ids',
    read: (query, signal) => {
      const minDurationNs = parseDuration(query.min) ?? 0;
      const maxDurationNs = parseDuration(query.max) ?? 0;
      return context.api.traces({ ...query, minDurationNs, maxDurationNs }, signal);
    },
    filters: (route, filtering, { service, time }) => [
      service,
      time,
      duration('min', route, filtering),
      duration('max', route, filtering),
      attributeField(route, filtering),
      toggle('Errors only', route.errors, () => {
        filtering.set({ errors: !route.errors });
      }),
      route.attributes.map((entry) =>
        filterChip(entry, () => {
          filtering.set({ attributes: route.attributes.filter((other) => other !== entry) });
        }),
      ),
    ],
    order: ({ slowest }) =>
      slowest ? (a, b) => b.durationNs - a.durationNs || (a.start < b.start ? 1 : -1) : undefined,
    rows: table,
  });

  function attributeField(route: TracesRoute, filtering: Filtering<TracesRoute>): VElement {
    return h(
      'form',
      {
        class: 'attribute-form',
        on: {
          submit: (event) => {
            event.preventDefault();
            const entry = attribute.trim();
            if (problemOf(entry) !== undefined || entry === '') return;
            attribute = '';
            filtering.set({ attributes: [...new Set([...route.attributes, entry])] });
          },
        },
      },
      textField({
        label: 'Attribute',
        placeholder: 'http.route=/order',
        value: attribute,
        problem: problemOf(attribute.trim()),
        onInput: (text) => {
          attribute = text;
          context.redraw();
        },
      }),
      h('button', { type: 'submit', disabled: attribute.trim() === '' }, 'Add'),
    );
  }

  function table(traces: readonly TraceSummary[], route: TracesRoute): VElement {
    const now = fromMillis(Date.now());
    return h(
      'div',
      { class: 'table-scroll', key: 'table' },
      h(
        'table',
        {
          class: 'rows traces',
          'aria-label': `Traces, ${route.slowest ? 'slowest' : 'newest'} first`,
        },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            heading('Started', route, false),
            h('th', { scope: 'col' }, 'Trace'),
            h('th', { scope: 'col', class: 'services' }, 'Services'),
            h('th', { scope: 'col', class: 'number spans' }, 'Spans'),
            h('th', { scope: 'col', class: 'number' }, 'Errors'),
            heading('Duration', route, true),
          ),
        ),
        h(
          'tbody',
          {},
          traces.map((trace) => row(trace, now)),
        ),
      ),
    );
  }

  function row(trace: TraceSummary, now: bigint): VElement {
    const route = routes.trace(trace.traceId);
    return h(
      'tr',
      {
        key: trace.traceId,
        class: trace.errorCount > 0 ? 'clickable failed' : 'clickable',
        on: {
          click: (event) => {
            if (event.target instanceof Element && !event.target.closest('a')) context.go(route);
          },
        },
      },
      h(
        'td',
        { class: 'time', title: formatDateTime(trace.start) },
        formatMoment(trace.start, now),
      ),
      h(
        'td',
        { class: 'grow' },
        h('a', { class: 'strong', href: formatRoute(route) }, trace.rootName),
        h('span', { class: 'faint mono id' }, trace.traceId),
      ),
      h(
        'td',
        { class: 'services', title: trace.services.join(', ') },
        trace.services.map(serviceName),
      ),
      h('td', { class: 'number spans' }, formatCount(trace.spanCount)),
      h(
        'td',
        { class: 'number' },
        trace.errorCount > 0
          ? h(
              'span',
              { class: 'badge bad', title: plural(trace.errorCount, 'failed span') },
              formatCount(trace.errorCount),
            )
          : h('span', { class: 'faint' }, '0'),
      ),
      h('td', { class: 'number' }, formatDuration(trace.durationNs)),
    );
  }
}

/** A heading that orders the list; newest first and slowest first are all that there is. */
function heading(title: string, route: TracesRoute, slowest: boolean): VElement {
  return h(
    'th',
    {
      scope: 'col',
      class: slowest ? 'number' : undefined,
      'aria-sort': route.slowest === slowest ? 'descending' : undefined,
    },
    h(
      'a',
      {
        href: formatRoute({ ...route, slowest, before: '' }),
        title: slowest ? 'Slowest first' : 'Newest first',
      },
      title,
    ),
  );
}

function duration(
  field: 'min' | 'max',
  route: TracesRoute,
  { typed, key }: Filtering<TracesRoute>,
): VElement {
  const value = route[field];
  return textField({
    key,
    ...(field === 'min'
      ? { label: 'Duration from', placeholder: '250ms' }
      : { label: 'to', name: 'Duration to', placeholder: '2s' }),
    value,
    problem:
      value === '' || parseDuration(value) !== undefined
        ? undefined
        : `“${value}” is no duration. Write 250ms, 1.5s or 2min.`,
    onInput: (text) => {
      typed({ [field]: text });
    },
  });
}

function problemOf(attribute: string): string | undefined {
  return attribute.startsWith('=') ? 'Write the key before the equals sign.' : undefined;
}
