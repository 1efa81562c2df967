import type { LogRecord } from '../model';
import type { Page, PageContext } from '../page';
import { type LogsRoute, routes } from '../router';
import { severityFloors } from '../severity';
import { filterChip, select } from '../ui/controls';
import { logTable } from '../ui/log-table';
import { newestFirst } from './newest-first';

export function logsPage(context: PageContext): Page<LogsRoute> {
  const expanded = new Set<string>();

  return newestFirst<LogsRoute, LogRecord>(context, {
    title: 'Logs',
    noun: 'record',
    all: routes.logs(),
    searched: 'messages and values of attributes',
    read: (query, signal) => context.api.logs(query, signal),
    filters: (route, { set }, { service, time }) => [
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
          set({ minSeverity: Number(floor) });
        },
      }),
      service,
      time,
      route.traceId !== '' &&
        filterChip(`Trace ${route.traceId}`, () => {
          set({ traceId: '', spanId: '' });
        }),
      route.spanId !== '' &&
        filterChip(`Span ${route.spanId}`, () => {
          set({ spanId: '' });
        }),
    ],
    rows: (logs) =>
      logTable({
        label: 'Log records, newest first',
        logs,
        expanded,
        onToggle,
        traceLinks: true,
      }),
  });

  function onToggle(id: string): void {
    if (!expanded.delete(id)) expanded.add(id);
    context.redraw();
  }
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
