import { describe, expect, it } from 'vitest';
import type { Span } from '../src/model';
import { layoutWaterfall, moveInTree } from '../src/waterfall';

const epoch = 1_768_478_602_000_000_000n;
const nothing: ReadonlySet<string> = new Set();

function span(spanId: string, parentSpanId: string | undefined, from: number, to: number): Span {
  return {
    spanId,
    parentSpanId,
    name: spanId,
    kind: 'INTERNAL',
    start: epoch + BigInt(from),
    end: epoch + BigInt(to),
    durationNs: to - from,
    failed: spanId === 'bad',
    statusMessage: '',
    service: `service of ${spanId}`,
    scope: '',
    attributes: [],
    resource: [],
    events: [],
    links: [],
  };
}

const family = [
  span('late', 'root', 60, 90),
  span('root', undefined, 0, 100),
  span('early', 'root', 10, 50),
  span('bad', 'early', 20, 30),
];

function outline(spans: readonly Span[], collapsed = nothing): string[] {
  return layoutWaterfall(spans, collapsed).rows.map(({ key, depth }) => '-'.repeat(depth) + key);
}

describe('layoutWaterfall', () => {
  it('orders the spans as a tree, siblings by their start', () => {
    expect(outline(family)).toEqual(['root', '-early', '--bad', '-late']);
  });

  it('places bars as parts of the trace, with nanosecond precision', () => {
    const { rows, start, durationNs, ticks } = layoutWaterfall(family, nothing);
    expect({ start, durationNs }).toEqual({ start: epoch, durationNs: 100 });
    expect(rows.map(({ offset, width }) => [offset, width])).toEqual([
      [0, 1],
      [0.1, 0.4],
      [0.2, 0.1],
      [0.6, 0.3],
    ]);
    expect(ticks.map(({ label }) => label)).toEqual(['0 ns', '25 ns', '50 ns', '75 ns', '100 ns']);
  });

  it('leaves out what is below a collapsed span and says how much', () => {
    expect(outline(family, new Set(['early']))).toEqual(['root', '-early', '-late']);
    expect(outline(family, new Set(['root', 'early']))).toEqual(['root']);
    const [root] = layoutWaterfall(family, new Set(['root'])).rows;
    expect(root).toMatchObject({ collapsed: true, descendants: 3 });
  });

  it('has nothing to collapse on a span without children', () => {
    expect(layoutWaterfall(family, new Set(['late'])).rows.at(-1)?.collapsed).toBe(false);
  });

  it('summarises errors, services and the root', () => {
    const { errorCount, services, root } = layoutWaterfall(family, nothing);
    expect(errorCount).toBe(1);
    expect(services.map((name) => name.slice(11))).toEqual(['root', 'early', 'bad', 'late']);
    expect(root?.name).toBe('root');
  });

  it('shows a span whose parent is missing as a root that is marked', () => {
    const { rows } = layoutWaterfall(
      [span('a', undefined, 0, 9), span('b', 'gone', 1, 2)],
      nothing,
    );
    expect(rows.map(({ key, depth, orphan }) => [key, depth, orphan])).toEqual([
      ['a', 0, false],
      ['b', 0, true],
    ]);
  });

  it('ends with spans that are each other’s parents, or their own', () => {
    expect(outline([span('a', 'b', 0, 9), span('b', 'a', 1, 2)])).toEqual(['a', '-b']);
    expect(outline([span('self', 'self', 0, 9)])).toEqual(['self']);
  });

  it('shows spans of the same id side by side, with the children once', () => {
    const twins = [span('a', undefined, 0, 9), span('a', undefined, 1, 5), span('b', 'a', 2, 3)];
    expect(outline(twins)).toEqual(['a', '-b', 'a#2']);
  });

  it('fills the track when the trace has no length', () => {
    const [row] = layoutWaterfall([span('a', undefined, 5, 5)], nothing).rows;
    expect(row).toMatchObject({ offset: 0, width: 1 });
  });

  it('lays out an empty trace', () => {
    expect(layoutWaterfall([], nothing)).toMatchObject({ rows: [], durationNs: 0, start: 0n });
  });

  it('takes a chain of ten thousand spans', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) =>
      span(String(i), i === 0 ? undefined : String(i - 1), i, 10_000),
    );
    const { rows } = layoutWaterfall(chain, nothing);
    expect(rows.at(-1)?.depth).toBe(9999);
    expect(rows[0]?.descendants).toBe(9999);
  });
});

describe('moveInTree', () => {
  const { rows } = layoutWaterfall(family, nothing);
  const folded = layoutWaterfall(family, new Set(['early'])).rows;

  it.each([
    ['root', 'ArrowDown', { focus: 'early' }],
    ['late', 'ArrowDown', {}],
    ['late', 'ArrowUp', { focus: 'bad' }],
    ['bad', 'Home', { focus: 'root' }],
    ['root', 'End', { focus: 'late' }],
    ['root', 'ArrowRight', { focus: 'early' }],
    ['bad', 'ArrowRight', {}],
    ['early', 'ArrowLeft', { toggle: 'early' }],
    ['late', 'ArrowLeft', { focus: 'root' }],
    ['bad', 'ArrowLeft', { focus: 'early' }],
    ['root', 'x', undefined],
    ['unknown', 'ArrowDown', undefined],
  ])('on %s, %s gives %o', (key, pressed, move) => {
    expect(moveInTree(rows, key, pressed)).toEqual(move);
  });

  it('opens a collapsed span to the right and leaves it to the left', () => {
    expect(moveInTree(folded, 'early', 'ArrowRight')).toEqual({ toggle: 'early' });
    expect(moveInTree(folded, 'early', 'ArrowLeft')).toEqual({ focus: 'root' });
  });
});
