import { h, type VElement } from '../dom';
import type { LogRecord } from '../model';
import { formatRoute, routes } from '../router';
import { formatDateTime, formatMoment, fromMillis } from '../time';
import { attributeList } from './attributes';
import { icon } from './icons';
import { serviceName } from './service-name';

export interface LogTable {
  readonly label: string;
  readonly logs: readonly LogRecord[];
  readonly expanded: ReadonlySet<string>;
  readonly onToggle: (id: string) => void;
  /** Offers the way to each record's trace; off on the page of that trace. */
  readonly traceLinks: boolean;
}

export function logTable({ label, logs, expanded, onToggle, traceLinks }: LogTable): VElement {
  const now = fromMillis(Date.now());
  return h(
    'div',
    { class: 'logs', role: 'list', 'aria-label': label, key: 'logs' },
    logs.map((log) => {
      const open = expanded.has(log.id);
      return h(
        'article',
        { role: 'listitem', class: `log level-${log.level}`, key: log.id },
        h(
          'div',
          { class: 'log-line' },
          h(
            'button',
            {
              type: 'button',
              class: 'log-toggle',
              'aria-expanded': String(open),
              on: {
                click: () => {
                  onToggle(log.id);
                },
              },
            },
            icon('chevron'),
            h(
              'span',
              { class: 'time', title: formatDateTime(log.time) },
              formatMoment(log.time, now),
            ),
            h('span', { class: 'level' }, log.severity),
            serviceName(log.service),
            h('span', { class: 'log-body' }, log.body),
          ),
          traceLinks &&
            log.traceId !== undefined &&
            h(
              'a',
              {
                class: 'log-trace',
                href: formatRoute(routes.trace(log.traceId, log.spanId)),
                'aria-label': `Trace of: ${log.body}`,
              },
              'Trace',
            ),
        ),
        open && details(log),
      );
    }),
  );
}

function details(log: LogRecord): VElement {
  const ids = [
    { key: 'time', value: formatDateTime(log.time) },
    { key: 'trace id', value: log.traceId ?? '' },
    { key: 'span id', value: log.spanId ?? '' },
  ].filter(({ value }) => value !== '');
  return h(
    'div',
    { class: 'log-details', key: 'details' },
    h('pre', {}, log.body),
    attributeList('Attributes', log.attributes),
    attributeList('Record', ids),
    attributeList('Resource', log.resource),
  );
}
