import { describe, expect, it } from 'vitest';
import { layoutMap, nodeHeight, nodeWidth } from '../src/map-layout';
import type { ServiceMap } from '../src/model';
import { toServiceMap } from '../src/from-wire';
import { sampleAt } from './sample';

function mapOf(...calls: readonly string[]): ServiceMap {
  const edges = calls.map((call) => {
    const [source = '', target = ''] = call.split('>');
    return { source, target, count: 1, errorCount: 0, p95Ns: 1 };
  });
  const ids = new Set(edges.flatMap(({ source, target }) => [source, target]));
  return { nodes: [...ids].map((id) => ({ id, type: 'service' })), edges };
}

/** Nodes of each column, left to right, each from top to bottom. */
function columns(map: ServiceMap): string[][] {
  const nodes = layoutMap(map).nodes.toSorted((a, b) => a.x - b.x || a.y - b.y);
  const lefts = [...new Set(nodes.map((node) => node.x))];
  return lefts.map((x) => nodes.filter((node) => node.x === x).map((node) => node.id));
}

describe('layoutMap', () => {
  it('puts each service to the right of all its callers', () => {
    expect(columns(mapOf('web>api', 'api>db', 'web>db'))).toEqual([['web'], ['api'], ['db']]);
  });

  it('ends with services that call each other, and keeps the entry at the left', () => {
    expect(columns(mapOf('b>c', 'c>b', 'a>b'))).toEqual([['a'], ['b'], ['c']]);
    expect(columns(mapOf('a>b', 'b>a'))).toEqual([['a'], ['b']]);
    expect(columns(mapOf('a>a'))).toEqual([['a']]);
  });

  it('orders a column so that edges do not cross', () => {
    expect(columns(mapOf('r>a', 'r>b', 'a>z', 'b>y'))).toEqual([['r'], ['a', 'b'], ['z', 'y']]);
  });

  it('gives the same picture for the same map in any order', () => {
    const map = toServiceMap(sampleAt(0).map);
    const shuffled = { nodes: map.nodes.toReversed(), edges: map.edges.toReversed() };
    expect(layoutMap(shuffled)).toEqual(layoutMap(map));
  });

  it('keeps the nodes apart and inside the picture', () => {
    const { nodes, width, height } = layoutMap(toServiceMap(sampleAt(0).map));
    for (const a of nodes) {
      expect(a.x >= 0 && a.x + nodeWidth <= width).toBe(true);
      expect(a.y >= 0 && a.y + nodeHeight <= height).toBe(true);
      const overlapping = nodes.filter(
        (b) => b !== a && Math.abs(a.x - b.x) < nodeWidth && Math.abs(a.y - b.y) < nodeHeight,
      );
      expect(overlapping).toEqual([]);
    }
  });

  it('leads a long edge around the nodes that it passes', () => {
    const { edges, nodes } = layoutMap(mapOf('web>api', 'api>db', 'web>db'));
    const long = edges.find(({ source, target }) => source === 'web' && target === 'db');
    const api = nodes.find(({ id }) => id === 'api');
    const [, bendY] = /L[\d.]+,([\d.]+)/.exec(long?.path ?? '') ?? [];
    const top = api?.y ?? 0;
    expect(Number(bendY) < top || Number(bendY) > top + nodeHeight).toBe(true);
  });

  it('draws a call to itself as a loop and a busy edge thicker', () => {
    const { edges } = layoutMap({
      ...mapOf('a>a', 'a>b'),
      edges: [
        { source: 'a', target: 'a', count: 1, errorCount: 0, p95Ns: 1 },
        { source: 'a', target: 'b', count: 100, errorCount: 0, p95Ns: 1 },
      ],
    });
    const [loop, busy] = edges;
    expect(loop?.path).toMatch(/^M188,.*188,[\d.]+$/);
    expect(busy?.lineWidth).toBeGreaterThan(loop?.lineWidth ?? Infinity);
  });

  it('leaves out edges of unknown nodes and shortens long names', () => {
    const layout = layoutMap({
      nodes: [{ id: 'a-service-with-a-very-long-name', type: 'service' }],
      edges: [{ source: 'x', target: 'y', count: 1, errorCount: 0, p95Ns: 1 }],
    });
    expect(layout.edges).toEqual([]);
    expect(layout.nodes[0]?.label).toBe('a-service-with-a…');
  });

  it('is empty for an empty map', () => {
    expect(layoutMap({ nodes: [], edges: [] })).toMatchObject({ nodes: [], edges: [] });
  });
});
