import { groupBy } from './group-by';
import type { Span } from './model';
import { formatDuration } from './time';

export interface WaterfallRow {
  readonly span: Span;
  /** Identity of the row: the span's id, with a suffix where an id occurs twice. */
  readonly key: string;
  /** 0 for a root. */
  readonly depth: number;
  readonly descendants: number;
  /** Place among those with the same parent, from 1, and how many they are. */
  readonly position: number;
  readonly siblings: number;
  readonly collapsed: boolean;
  /** True when the parent was never received, so that the span stands as a root of its own. */
  readonly orphan: boolean;
  /** Place and length of the bar as parts of the trace, 0 to 1. */
  readonly offset: number;
  readonly width: number;
}

export interface Tick {
  /** 0 to 1. */
  readonly position: number;
  readonly label: string;
}

export interface Waterfall {
  readonly start: bigint;
  readonly durationNs: number;
  readonly rows: readonly WaterfallRow[];
  readonly ticks: readonly Tick[];
  /** Every service of the trace, in the order of first appearance. */
  readonly services: readonly string[];
  readonly errorCount: number;
  readonly root: Span | undefined;
}

interface Node {
  readonly span: Span;
  readonly key: string;
  readonly depth: number;
  readonly parent: Node | undefined;
  readonly position: number;
  descendants: number;
}

const tickPositions = [0, 0.25, 0.5, 0.75, 1];

/** Rows of a trace in the order of a tree, the spans below `collapsed` keys left out. */
export function layoutWaterfall(spans: readonly Span[], collapsed: ReadonlySet<string>): Waterfall {
  const ordered = spans.toSorted(byStart);
  const known = new Set(spans.map((span) => span.spanId));
  const start = ordered[0]?.start ?? 0n;
  const end = ordered.reduce((latest, span) => (span.end > latest ? span.end : latest), start);
  const durationNs = Number(end - start);
  const part = (ns: bigint): number => (durationNs > 0 ? Number(ns) / durationNs : 0);

  const rows: WaterfallRow[] = [];
  const tree = inTreeOrder(ordered);
  const siblings = new Map<Node | undefined, number>();
  for (const { parent, position } of tree) siblings.set(parent, position);
  let hiddenBelow = Infinity;
  for (const { span, key, depth, descendants, parent, position } of tree) {
    if (depth > hiddenBelow) continue;
    const isCollapsed = descendants > 0 && collapsed.has(key);
    hiddenBelow = isCollapsed ? depth : Infinity;
    rows.push({
      span,
      key,
      depth,
      descendants,
      position,
      siblings: siblings.get(parent) ?? 1,
      collapsed: isCollapsed,
      orphan: span.parentSpanId !== undefined && !known.has(span.parentSpanId),
      offset: part(span.start - start),
      width: durationNs > 0 ? part(span.end - span.start) : 1,
    });
  }

  return {
    start,
    durationNs,
    rows,
    ticks: tickPositions.map((position) => ({
      position,
      label: formatDuration(position * durationNs),
    })),
    services: [...new Set(ordered.map((span) => span.service))],
    errorCount: spans.filter((span) => span.failed).length,
    root: tree[0]?.span,
  };
}

/** The spans above a span, which have to be open for it to be seen. */
export function ancestorsOf(spans: readonly Span[], spanId: string): ReadonlySet<string> {
  const parents = new Map(spans.map((span) => [span.spanId, span.parentSpanId]));
  const above = new Set<string>();
  let next = parents.get(spanId);
  while (next !== undefined && !above.has(next)) {
    above.add(next);
    next = parents.get(next);
  }
  return above;
}

export interface TreeMove {
  readonly focus?: string;
  readonly toggle?: string;
}

/** What a key does on the row `key`, as in any tree: arrows, Home and End; undefined for other keys. */
export function moveInTree(
  rows: readonly WaterfallRow[],
  key: string,
  pressed: string,
): TreeMove | undefined {
  const index = rows.findIndex((row) => row.key === key);
  const row = rows[index];
  if (!row) return undefined;
  switch (pressed) {
    case 'ArrowDown':
      return focusOn(rows[index + 1]);
    case 'ArrowUp':
      return focusOn(rows[index - 1]);
    case 'Home':
      return focusOn(rows[0]);
    case 'End':
      return focusOn(rows.at(-1));
    case 'ArrowRight':
      return row.collapsed ? { toggle: key } : row.descendants > 0 ? focusOn(rows[index + 1]) : {};
    case 'ArrowLeft':
      if (row.descendants > 0 && !row.collapsed) return { toggle: key };
      return focusOn(rows.slice(0, index).findLast((above) => above.depth < row.depth));
    default:
      return undefined;
  }
}

function focusOn(row: WaterfallRow | undefined): TreeMove {
  return row ? { focus: row.key } : {};
}

/** Depth first, siblings by start; a span whose parent is missing is a root, and so is the first of a cycle. */
function inTreeOrder(ordered: readonly Span[]): Node[] {
  const known = new Set(ordered.map((span) => span.spanId));
  const children = groupBy(ordered, (span) => span.parentSpanId ?? '');
  const roots = ordered.filter((span) => !known.has(span.parentSpanId ?? ''));
  const placed = new Set<Span>();
  const keys = new Set<string>();
  const nodes: Node[] = [];
  const placedBelow = new Map<Node | undefined, number>();

  for (const root of [...roots, ...ordered]) {
    const pending: { span: Span; parent: Node | undefined }[] = [{ span: root, parent: undefined }];
    for (let next = pending.pop(); next; next = pending.pop()) {
      const { span, parent } = next;
      if (placed.has(span)) continue;
      const twin = keys.has(span.spanId);
      const key = twin ? `${span.spanId}#${placed.size}` : span.spanId;
      const position = (placedBelow.get(parent) ?? 0) + 1;
      placedBelow.set(parent, position);
      const depth = parent ? parent.depth + 1 : 0;
      const node = { span, key, parent, position, depth, descendants: 0 };
      placed.add(span);
      keys.add(key);
      nodes.push(node);
      if (twin) continue;
      for (const child of (children.get(span.spanId) ?? []).toReversed()) {
        pending.push({ span: child, parent: node });
      }
    }
  }
  for (const { parent, descendants } of nodes.toReversed()) {
    if (parent) parent.descendants += descendants + 1;
  }
  return nodes;
}

function byStart(a: Span, b: Span): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1;
  return a.spanId < b.spanId ? -1 : 1;
}
