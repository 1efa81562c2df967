import { h, type VElement } from '../dom';
import type { LogRecord, Slice } from '../model';
import type { Page, PageContext } from '../page';
import { firstRows, moreRows } from '../paging';
import { formatRoute, type LogsRoute, routes } from '../router';
import { severityFloors } from '../severity';
import { formatDateTime, parseNanos } from '../time';
import { filterChip, searchBox, select, serviceSelect, toolbar } from '../ui/controls';
import { logTable } from '../ui/log-table';
import { more } from '../ui/more';
import { nothingMatches, waitingFor } from '../ui/notices';

export function logsPage(context: PageContext): Page<LogsRoute> {
  const expanded = new Set<string>();
  let limit = firstRows;
  let services: readonly string[] = [];
  let slice: Slice<LogRecord> | undefined;

  return (route) => {
    const filtered = formatRoute(route) !== formatRoute(routes.logs());

    const filters = (): VElement =>
      toolbar(
        'Filter logs',
        searchBox({
          label: 'Search messages and attributes',
          value: route.q,
          onInput: (q) => {
            context.soon(() => {
              context.go({ ...route, q, before: '' }, 'replace');
            });
          },
        }),
        select({
          label: 'Severity',
          value: String(route.minSeverity),
          choices: [
            { value: '0', label: 'All severities' },
            ...severityFloors.map(({ level, floor }) => ({
              value: String(floor),
              label: level === 'fatal' ? 'Fatal' : `${capitalise(level)} and above`,
            })),
          ],
          onChange: (floor) => {
            context.go({ ...route, minSeverity: Number(floor), before: '' });
          },
        }),
        serviceSelect(route.service, services, (service) => {
          context.go({ ...route, service, before: '' });
        }),
        route.traceId !== '' &&
          filterChip(`Trace ${route.traceId}`, () => {
            context.go({ ...route, traceId: '', spanId: '' });
          }),
        route.spanId !== '' &&
          filterChip(`Span ${route.spanId}`, () => {
            context.go({ ...route, spanId: '' });
          }),
        route.before !== '' &&
          filterChip(`Before ${formatDateTime(parseNanos(route.before))}`, () => {
            context.go({ ...route, before: '' });
          }),
      );

    return {
      title: 'Logs',
      async load(signal) {
        const [logs, known] = await Promise.all([
          context.api.logs({ ...route, limit }, signal),
          context.api.services(signal),
        ]);
        slice = logs;
        services = known.map((service) => service.name);
      },
      render() {
        if (!slice) return undefined;
        const { items, nextBefore } = slice;
        return h(
          'div',
          { class: 'page', key: 'logs' },
          filters(),
          items.length > 0
            ? logTable({
                label: 'Log records, newest first',
                logs: items,
                expanded,
                onToggle,
                traceLinks: true,
              })
            : filtered
              ? nothingMatches('logs', () => {
                  context.go(routes.logs());
                })
              : waitingFor('logs'),
          nextBefore !== undefined &&
            more({
              rows: limit,
              onMore: () => {
                limit = moreRows(limit);
                context.reload();
              },
              older: { href: formatRoute({ ...route, before: nextBefore }), label: 'Older logs' },
            }),
        );
      },
    };
  };

  function onToggle(id: string): void {
    if (!expanded.delete(id)) expanded.add(id);
    context.redraw();
  }
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
