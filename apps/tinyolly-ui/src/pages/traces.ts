import { h, type VElement } from '../dom';
import type { Slice, TraceSummary } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { firstRows, moreRows } from '../paging';
import { formatRoute, routes, type TracesRoute } from '../router';
import { formatClock, formatDateTime, formatDuration, parseNanos } from '../time';
import { filterChip, searchBox, serviceSelect, toggle, toolbar } from '../ui/controls';
import { more } from '../ui/more';
import { nothingMatches, waitingFor } from '../ui/notices';
import { serviceName } from '../ui/service-name';

export function tracesPage(context: PageContext): Page<TracesRoute> {
  let limit = firstRows;
  let services: readonly string[] = [];
  let slice: Slice<TraceSummary> | undefined;

  return (route) => {
    const filtered = route.service !== '' || route.errors || route.q !== '' || route.before !== '';

    const filters = (): VElement =>
      toolbar(
        'Filter traces',
        searchBox({
          label: 'Search span names, attributes and trace ids',
          value: route.q,
          onInput: (q) => {
            context.soon(() => {
              context.go({ ...route, q, before: '' }, 'replace');
            });
          },
        }),
        serviceSelect(route.service, services, (service) => {
          context.go({ ...route, service, before: '' });
        }),
        toggle('Errors only', route.errors, () => {
          context.go({ ...route, errors: !route.errors, before: '' });
        }),
        route.before !== '' &&
          filterChip(`Before ${formatDateTime(parseNanos(route.before))}`, () => {
            context.go({ ...route, before: '' });
          }),
      );

    return {
      title: 'Traces',
      async load(signal) {
        const [traces, known] = await Promise.all([
          context.api.traces({ ...route, limit }, signal),
          context.api.services(signal),
        ]);
        slice = traces;
        services = known.map((service) => service.name);
      },
      render() {
        if (!slice) return undefined;
        const { items, nextBefore } = slice;
        return h(
          'div',
          { class: 'page', key: 'traces' },
          filters(),
          items.length > 0
            ? table(items)
            : filtered
              ? nothingMatches('traces', () => {
                  context.go(routes.traces());
                })
              : waitingFor('traces'),
          nextBefore !== undefined &&
            more({
              rows: limit,
              onMore: () => {
                limit = moreRows(limit);
                context.reload();
              },
              older: { href: formatRoute({ ...route, before: nextBefore }), label: 'Older traces' },
            }),
        );
      },
    };
  };

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
