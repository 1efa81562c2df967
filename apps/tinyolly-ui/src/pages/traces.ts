import { h, type VElement } from '../dom';
import type { TraceSummary } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { formatRoute, routes, type TracesRoute } from '../router';
import { formatClock, formatDateTime, formatDuration } from '../time';
import { toggle } from '../ui/controls';
import { serviceName } from '../ui/service-name';
import { newestFirst } from './newest-first';

export function tracesPage(context: PageContext): Page<TracesRoute> {
  return newestFirst<TracesRoute, TraceSummary>(context, {
    title: 'Traces',
    all: routes.traces(),
    searched: 'span names, services and trace ids',
    read: (query, signal) => context.api.traces(query, signal),
    filters: (route, service) => [
      service,
      toggle('Errors only', route.errors, () => {
        context.go({ ...route, errors: !route.errors, before: '' });
      }),
    ],
    rows: table,
  });

  function table(traces: readonly TraceSummary[]): VElement {
    return h(
      'div',
      { class: 'table-scroll', key: 'table' },
      h(
        'table',
        { class: 'rows', 'aria-label': 'Traces, newest first' },
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            h('th', { scope: 'col' }, 'Started'),
            h('th', { scope: 'col' }, 'Trace'),
            h('th', { scope: 'col', class: 'services' }, 'Services'),
            h('th', { scope: 'col', class: 'number' }, 'Spans'),
            h('th', { scope: 'col', class: 'number' }, 'Errors'),
            h('th', { scope: 'col', class: 'number' }, 'Duration'),
          ),
        ),
        h('tbody', {}, traces.map(row)),
      ),
    );
  }

  function row(trace: TraceSummary): VElement {
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
      h('td', { class: 'time', title: formatDateTime(trace.start) }, formatClock(trace.start)),
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
      h('td', { class: 'number' }, formatCount(trace.spanCount)),
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
