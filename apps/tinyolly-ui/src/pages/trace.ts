import { h, type VElement } from '../dom';
import type { LogRecord, Span, Trace } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { hiddenRows, maxRows, moreRows } from '../paging';
import { colourOf, giveColours } from '../palette';
import { formatRoute, routes, type TraceRoute } from '../router';
import { formatDateTime, formatDuration, formatOffset } from '../time';
import { attributeList } from '../ui/attributes';
import { button } from '../ui/controls';
import { icon } from '../ui/icons';
import { logTable } from '../ui/log-table';
import { serviceName } from '../ui/service-name';
import { layoutWaterfall, moveInTree, type Waterfall, type WaterfallRow } from '../waterfall';

export function tracePage(context: PageContext): Page<TraceRoute> {
  const collapsed = new Set<string>();
  const expandedLogs = new Set<string>();
  let rowLimit = maxRows;
  let trace: Trace | undefined;
  let logs: readonly LogRecord[] = [];

  return (route) => {
    if (trace?.traceId !== route.traceId) {
      trace = undefined;
      logs = [];
      rowLimit = maxRows;
      collapsed.clear();
    }

    const select = (span: string): void => {
      context.go(routes.trace(route.traceId, span), 'replace');
    };

    const onKey = (event: KeyboardEvent, { rows }: Waterfall, row: WaterfallRow): void => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        select(row.span.spanId);
        return;
      }
      const move = moveInTree(rows, row.key, event.key);
      if (!move) return;
      event.preventDefault();
      if (move.toggle !== undefined) onCollapse(move.toggle);
      const target = move.focus === undefined ? null : document.getElementById(rowId(move.focus));
      target?.focus();
    };

    const spanRow = (waterfall: Waterfall, row: WaterfallRow, tabStop: string): VElement => {
      const { span } = row;
      const selected = span.spanId === route.span;
      return h(
        'div',
        {
          key: row.key,
          id: rowId(row.key),
          class: `span${selected ? ' selected' : ''}${span.failed ? ' failed' : ''}`,
          role: 'treeitem',
          tabindex: row.key === tabStop ? 0 : -1,
          'aria-level': row.depth + 1,
          'aria-selected': String(selected),
          'aria-expanded': row.descendants > 0 ? String(!row.collapsed) : undefined,
          'aria-label': describe(span),
          style: {
            '--depth': String(row.depth),
            '--offset': String(row.offset),
            '--width': String(row.width),
          },
          on: {
            click: () => {
              select(span.spanId);
            },
            keydown: (event) => {
              onKey(event, waterfall, row);
            },
          },
        },
        h(
          'div',
          { class: 'span-name' },
          row.descendants > 0
            ? h(
                'span',
                {
                  class: 'twisty',
                  'aria-hidden': 'true',
                  on: {
                    click: (event) => {
                      event.stopPropagation();
                      onCollapse(row.key);
                    },
                  },
                },
                icon('chevron'),
              )
            : h('span', { class: 'twisty' }),
          h('span', { class: 'name' }, span.name),
          row.collapsed && h('span', { class: 'badge' }, `+${formatCount(row.descendants)}`),
          row.orphan && h('span', { class: 'badge warn' }, 'parent missing'),
          span.failed && h('span', { class: 'badge bad', title: 'Failed' }, '!'),
          h('span', { class: 'faint' }, span.service),
        ),
        h(
          'div',
          { class: 'span-track' },
          h('div', { class: `bar colour-${colourOf(span.service)}` }),
          h('span', { class: 'bar-label' }, formatDuration(span.durationNs)),
        ),
      );
    };

    const tree = (waterfall: Waterfall): VElement => {
      const rows = waterfall.rows.slice(0, rowLimit);
      const hidden = hiddenRows(waterfall.rows.length, rowLimit);
      const chosen = rows.find((row) => row.span.spanId === route.span) ?? rows[0];
      return h(
        'section',
        { class: 'waterfall', key: 'waterfall' },
        h(
          'div',
          { class: 'waterfall-head' },
          h(
            'div',
            { class: 'span-name' },
            button('Expand all', () => {
              collapsed.clear();
              context.redraw();
            }),
            button('Collapse all', () => {
              for (const row of waterfall.rows) if (row.descendants > 0) collapsed.add(row.key);
              context.redraw();
            }),
          ),
          h(
            'div',
            { class: 'span-track', 'aria-hidden': 'true' },
            waterfall.ticks.map(({ position, label }) =>
              h('span', { class: 'tick', style: { '--position': String(position) } }, label),
            ),
          ),
        ),
        h(
          'div',
          { role: 'tree', 'aria-label': 'Spans of the trace' },
          rows.map((row) => spanRow(waterfall, row, chosen?.key ?? '')),
        ),
        hidden > 0 &&
          h(
            'button',
            {
              type: 'button',
              class: 'more',
              on: {
                click: () => {
                  rowLimit = moreRows(rowLimit, waterfall.rows.length);
                  context.redraw();
                },
              },
            },
            `Show ${plural(hidden, 'more span')}`,
          ),
      );
    };

    const panel = (span: Span, start: bigint): VElement => {
      const spanLogs = logs.filter((log) => log.spanId === span.spanId);
      return h(
        'aside',
        { class: 'panel', key: 'panel', 'aria-label': `Span ${span.name}` },
        h(
          'header',
          {},
          h('h2', {}, span.name),
          h(
            'button',
            {
              type: 'button',
              class: 'plain',
              'aria-label': 'Close span',
              on: {
                click: () => {
                  select('');
                },
              },
            },
            icon('close'),
          ),
        ),
        h(
          'p',
          { class: 'panel-facts' },
          serviceName(span.service),
          h('span', { class: 'badge' }, span.kind.toLowerCase()),
          h('span', {}, formatDuration(span.durationNs)),
          h('span', { class: 'faint' }, `at ${formatOffset(span.start, start)}`),
        ),
        span.failed &&
          h(
            'p',
            { class: 'callout bad' },
            span.statusMessage === '' ? 'Failed' : span.statusMessage,
          ),
        attributeList('Attributes', span.attributes),
        span.events.length > 0 &&
          h(
            'section',
            { class: 'attributes', key: 'events' },
            h('h3', {}, 'Events'),
            span.events.map((event) =>
              h(
                'div',
                { class: 'event' },
                h('span', { class: 'strong' }, event.name),
                h('span', { class: 'faint' }, formatOffset(event.time, start)),
                attributeList('Event attributes', event.attributes),
              ),
            ),
          ),
        span.links.length > 0 &&
          h(
            'section',
            { class: 'attributes', key: 'links' },
            h('h3', {}, 'Links'),
            span.links.map((link) =>
              h(
                'div',
                { class: 'event' },
                h(
                  'a',
                  { class: 'mono', href: formatRoute(routes.trace(link.traceId, link.spanId)) },
                  link.traceId,
                ),
                attributeList('Link attributes', link.attributes),
              ),
            ),
          ),
        spanLogs.length > 0 &&
          h(
            'section',
            { class: 'attributes', key: 'logs' },
            h('h3', {}, 'Logs of this span'),
            spanLogs.map((log) =>
              h(
                'div',
                { class: `event level-${log.level}`, key: log.id },
                h('span', { class: 'level' }, log.severity),
                h('span', { class: 'faint' }, formatOffset(log.time, start)),
                h('p', {}, log.body),
              ),
            ),
          ),
        attributeList('Resource', span.resource),
        attributeList(
          'Span',
          [
            { key: 'span id', value: span.spanId },
            { key: 'parent', value: span.parentSpanId ?? 'none' },
            { key: 'started', value: formatDateTime(span.start) },
            { key: 'scope', value: span.scope },
          ].filter(({ value }) => value !== ''),
        ),
      );
    };

    return {
      get title() {
        return trace ? `${rootName(trace)} · Trace` : 'Trace';
      },
      async load(signal) {
        const [found, records] = await Promise.all([
          context.api.trace(route.traceId, signal),
          context.api.logs({ ...routes.logs({ traceId: route.traceId }), limit: maxRows }, signal),
        ]);
        trace = found;
        giveColours(found.spans.map((span) => span.service));
        logs = records.items.toReversed();
      },
      render() {
        if (!trace) return undefined;
        const waterfall = layoutWaterfall(trace.spans, collapsed);
        const selected = trace.spans.find((span) => span.spanId === route.span);
        return h(
          'div',
          { class: 'page', key: `trace ${trace.traceId}` },
          header(trace, waterfall),
          h(
            'div',
            { class: selected ? 'split' : '' },
            h('div', { class: 'page' }, tree(waterfall), logSection(route.traceId)),
            selected && panel(selected, waterfall.start),
          ),
        );
      },
    };
  };

  function header({ traceId, spans }: Trace, waterfall: Waterfall): VElement {
    return h(
      'header',
      { class: 'trace-head' },
      h('a', { class: 'faint', href: formatRoute(routes.traces()) }, 'All traces'),
      h('h2', {}, waterfall.root?.name ?? 'Empty trace'),
      h(
        'p',
        { class: 'panel-facts' },
        h('span', { class: 'strong' }, formatDuration(waterfall.durationNs)),
        h('span', {}, plural(spans.length, 'span')),
        waterfall.errorCount > 0 &&
          h('span', { class: 'badge bad' }, plural(waterfall.errorCount, 'error')),
        h('span', { class: 'faint' }, formatDateTime(waterfall.start)),
        h('span', { class: 'faint mono id' }, traceId),
      ),
      h('p', { class: 'panel-facts' }, waterfall.services.map(serviceName)),
    );
  }

  function logSection(traceId: string): VElement {
    return h(
      'section',
      { class: 'trace-logs', key: 'trace-logs' },
      h(
        'div',
        { class: 'section-head' },
        h('h2', {}, 'Logs of this trace'),
        logs.length > 0 && h('a', { href: formatRoute(routes.logs({ traceId })) }, 'Open in Logs'),
      ),
      logs.length > 0
        ? logTable({
            label: 'Logs of this trace, oldest first',
            logs,
            expanded: expandedLogs,
            onToggle: (id) => {
              if (!expandedLogs.delete(id)) expandedLogs.add(id);
              context.redraw();
            },
            traceLinks: false,
          })
        : h(
            'p',
            { class: 'faint' },
            'None. Logs appear here when they are sent with the trace id of the span that is active.',
          ),
    );
  }

  function onCollapse(key: string): void {
    if (!collapsed.delete(key)) collapsed.add(key);
    context.redraw();
  }
}

function rootName({ spans }: Trace): string {
  return layoutWaterfall(spans, new Set()).root?.name ?? 'Empty';
}

function rowId(key: string): string {
  return `span-${key}`;
}

function describe(span: Span): string {
  const outcome = span.failed ? ', failed' : '';
  return `${span.name}, ${span.service}, ${formatDuration(span.durationNs)}${outcome}`;
}
