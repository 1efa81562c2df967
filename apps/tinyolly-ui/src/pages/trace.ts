import { ApiError } from '../api';
import { h, type VElement } from '../dom';
import type { LogRecord, Slice, Span, Trace } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { firstRows, hiddenRows, maxRows, moreRows } from '../paging';
import { colourOf, giveColours } from '../palette';
import { formatRoute, routes, type TraceRoute } from '../router';
import { formatDateTime, formatDuration, formatOffset, fromMillis } from '../time';
import { attributeList } from '../ui/attributes';
import { button } from '../ui/controls';
import { icon } from '../ui/icons';
import { logTable } from '../ui/log-table';
import { serviceName } from '../ui/service-name';
import { splitter } from '../ui/splitter';
import {
  ancestorsOf,
  layoutWaterfall,
  moveInTree,
  type Waterfall,
  type WaterfallRow,
} from '../waterfall';
import { storedWidth, storeWidth } from '../widths';

/** No span of a trace is expected that long after the end of its last one. */
const settledAfterNs = 120_000_000_000n;

/** Widths of the column of names and of the panel beside the spans, in per cent. */
const standardWidths = { names: 38, panel: 37 } as const;
type WidthName = keyof typeof standardWidths;

/** A row as it was drawn, which stays as it is while nothing of this changes. */
interface DrawnRow {
  readonly selected: boolean;
  readonly tabStop: boolean;
  readonly element: VElement;
}

export function tracePage(context: PageContext): Page<TraceRoute> {
  const collapsed = new Set<string>();
  const expandedLogs = new Set<string>();
  let rowLimit = maxRows;
  let trace: Trace | undefined;
  let logs: Slice<LogRecord> | ApiError | undefined;
  let settled = false;
  let waterfall: Waterfall | undefined;
  let drawn = new WeakMap<WaterfallRow, DrawnRow>();
  const widths: Record<WidthName, number> = {
    names: storedWidth('names', standardWidths.names),
    panel: storedWidth('panel', standardWidths.panel),
  };

  return (route) => {
    let toReveal = route.span;
    drawn = new WeakMap();
    if (trace?.traceId !== route.traceId) {
      trace = undefined;
      logs = undefined;
      settled = false;
      waterfall = undefined;
      rowLimit = maxRows;
      collapsed.clear();
    }

    /** Opens and draws what is above the span of the address, and brings it into view. */
    const reveal = ({ spans }: Trace): void => {
      const span = toReveal;
      if (span === '') return;
      toReveal = '';
      for (const above of ancestorsOf(spans, span)) if (collapsed.delete(above)) relayout();
      const rows = layout(spans).rows;
      const row = rows.findIndex((entry) => entry.span.spanId === span);
      rowLimit = Math.max(rowLimit, row + firstRows);
      setTimeout(() => {
        document.getElementById(rowId(span))?.scrollIntoView({ block: 'nearest' });
      });
    };

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
      if (move.focus === undefined) return;
      const index = rows.findIndex((entry) => entry.key === move.focus);
      if (index >= rowLimit) {
        rowLimit = index + firstRows;
        context.redraw();
      }
      document.getElementById(rowId(move.focus))?.focus();
    };

    const drawRow = (spans: Waterfall, row: WaterfallRow, tabStop: boolean): VElement => {
      const selected = row.span.spanId === route.span;
      const before = drawn.get(row);
      if (before?.selected === selected && before.tabStop === tabStop) return before.element;
      const element = spanRow(spans, row, selected, tabStop);
      drawn.set(row, { selected, tabStop, element });
      return element;
    };

    const spanRow = (
      waterfall: Waterfall,
      row: WaterfallRow,
      selected: boolean,
      tabStop: boolean,
    ): VElement => {
      const { span } = row;
      return h(
        'div',
        {
          key: row.key,
          id: rowId(row.key),
          class: `span${selected ? ' selected' : ''}${span.failed ? ' failed' : ''}`,
          role: 'treeitem',
          tabindex: tabStop ? 0 : -1,
          'aria-level': row.depth + 1,
          'aria-posinset': row.position,
          'aria-setsize': row.siblings,
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
          { class: 'span-name', title: `${span.name}, ${span.service}` },
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
        {
          class: 'waterfall',
          key: 'waterfall',
          style: { '--names': String(widths.names) },
        },
        h(
          'div',
          { class: 'waterfall-head' },
          h(
            'div',
            { class: 'span-name' },
            button('Expand all', () => {
              collapsed.clear();
              relayout();
              context.redraw();
            }),
            button('Collapse all', () => {
              for (const row of waterfall.rows) if (row.descendants > 0) collapsed.add(row.key);
              relayout();
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
          rows.map((row) => drawRow(waterfall, row, row === chosen)),
        ),
        divider('names', 'Width of the names', 'left', 15, 75),
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
      const spanLogs = logItems().filter((log) => log.spanId === span.spanId);
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
          h('span', { class: 'faint' }, `starts ${formatOffset(span.start, start)} into the trace`),
        ),
        span.failed &&
          h(
            'p',
            { class: 'callout bad' },
            span.statusMessage === '' ? 'Failed' : span.statusMessage,
          ),
        attributeList('Attributes', span.attributes, true),
        span.events.length > 0 &&
          h(
            'section',
            { class: 'attributes', key: 'events' },
            h('h3', {}, 'Events'),
            h('p', { class: 'faint' }, 'Times count from the start of the trace.'),
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
            h('p', { class: 'faint' }, 'Times count from the start of the trace.'),
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
        attributeList('Resource', span.resource, true),
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
        return trace ? `${layout(trace.spans).root?.name ?? 'Empty'} · Trace` : 'Trace';
      },
      source: `trace ${route.traceId}`,
      async load(signal) {
        if (trace && settled) return;
        const wanted = { ...routes.logs({ traceId: route.traceId }), limit: maxRows };
        const [found, records] = await Promise.all([
          context.api.trace(route.traceId, signal),
          context.api.logs(wanted, signal).catch((error: unknown) => {
            if (error instanceof ApiError) return error;
            throw error;
          }),
        ]);
        trace = found;
        relayout();
        giveColours(found.spans.map((span) => span.service));
        logs =
          records instanceof ApiError ? records : { ...records, items: records.items.toReversed() };
        const end = found.spans.reduce((last, span) => (span.end > last ? span.end : last), 0n);
        settled = !(records instanceof ApiError) && fromMillis(Date.now()) - end > settledAfterNs;
      },
      render() {
        if (!trace) return undefined;
        reveal(trace);
        const rows = layout(trace.spans);
        const selected = trace.spans.find((span) => span.spanId === route.span);
        return h(
          'div',
          { class: 'page', key: `trace ${trace.traceId}` },
          header(trace, rows),
          h(
            'div',
            {
              class: selected ? 'split' : '',
              style: { '--panel': String(widths.panel) },
            },
            h('div', { class: 'page' }, tree(rows), logSection(route.traceId)),
            selected && divider('panel', 'Width of the span’s details', 'right', 20, 70),
            selected && panel(selected, rows.start),
          ),
        );
      },
    };
  };

  function layout(spans: readonly Span[]): Waterfall {
    waterfall ??= layoutWaterfall(spans, collapsed);
    return waterfall;
  }

  function relayout(): void {
    waterfall = undefined;
  }

  function logItems(): readonly LogRecord[] {
    return logs === undefined || logs instanceof ApiError ? [] : logs.items;
  }

  function divider(
    name: WidthName,
    label: string,
    part: 'left' | 'right',
    least: number,
    most: number,
  ): VElement {
    return splitter({
      label,
      width: widths[name],
      least,
      most,
      standard: standardWidths[name],
      part,
      onResize: (width) => {
        widths[name] = width;
        storeWidth(name, width);
        context.redraw();
      },
    });
  }

  function header({ traceId, spans }: Trace, waterfall: Waterfall): VElement {
    return h(
      'header',
      { class: 'trace-head' },
      backLink(),
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

  function backLink(): VElement {
    const href = formatRoute(context.lastTraces());
    const filtered = href !== formatRoute(routes.traces());
    return h(
      'a',
      { class: 'faint', href },
      filtered ? 'Back to the filtered traces' : 'All traces',
    );
  }

  function logSection(traceId: string): VElement {
    const items = logItems();
    const allLogs = formatRoute(routes.logs({ traceId }));
    return h(
      'section',
      { class: 'trace-logs', key: 'trace-logs' },
      h(
        'div',
        { class: 'section-head' },
        h('h2', {}, 'Logs of this trace'),
        items.length > 0 && h('a', { href: allLogs }, 'Open in Logs'),
      ),
      logs instanceof ApiError &&
        h(
          'p',
          { class: 'callout bad', role: 'alert', key: 'failed' },
          `The logs could not be loaded. ${logs.message}`,
        ),
      !(logs instanceof ApiError) &&
        logs?.nextBefore !== undefined &&
        h(
          'p',
          { class: 'callout warn', key: 'cut' },
          `These are the newest ${formatCount(items.length)} of this trace. `,
          h('a', { href: allLogs }, 'All of them are in Logs.'),
        ),
      items.length > 0
        ? logTable({
            label: 'Logs of this trace, oldest first',
            logs: items,
            expanded: expandedLogs,
            onToggle: (id) => {
              if (!expandedLogs.delete(id)) expandedLogs.add(id);
              context.redraw();
            },
            traceLinks: false,
          })
        : !(logs instanceof ApiError) &&
            h(
              'p',
              { class: 'faint' },
              'None. Logs appear here when they are sent with the trace id of the span that is active.',
            ),
    );
  }

  function onCollapse(key: string): void {
    if (!collapsed.delete(key)) collapsed.add(key);
    relayout();
    context.redraw();
  }
}

function rowId(key: string): string {
  return `span-${key}`;
}

function describe(span: Span): string {
  const outcome = span.failed ? ', failed' : '';
  return `${span.name}, ${span.service}, ${formatDuration(span.durationNs)}${outcome}`;
}
