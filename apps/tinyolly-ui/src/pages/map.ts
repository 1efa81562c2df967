import { h, type VElement } from '../dom';
import { layoutMap, nodeHeight, nodeWidth, type PlacedEdge, type PlacedNode } from '../map-layout';
import type { MapEdge, ServiceMap } from '../model';
import { formatCount, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { colourOf, giveColours } from '../palette';
import { formatRoute, type MapRoute, routes } from '../router';
import { formatDuration } from '../time';
import { waitingFor } from '../ui/notices';
import { serviceName } from '../ui/service-name';

export function mapPage(context: PageContext): Page<MapRoute> {
  let map: ServiceMap | undefined;

  return () => ({
    title: 'Map',
    async load(signal) {
      map = await context.api.serviceMap(signal);
      giveColours(map.nodes.map((node) => node.id));
    },
    render() {
      if (!map) return undefined;
      return h(
        'div',
        { class: 'page', key: 'map' },
        map.nodes.length === 0 ? waitingFor('traces') : [picture(map), calls(map.edges)],
      );
    },
  });
}

function picture(map: ServiceMap): VElement {
  const { width, height, nodes, edges } = layoutMap(map);
  return h(
    'div',
    { class: 'map', key: 'picture' },
    h(
      'svg',
      {
        viewBox: `0 0 ${width} ${height}`,
        width,
        height,
        role: 'group',
        'aria-label': 'Service map; the calls are in the table below',
      },
      h('defs', {}, arrow('arrow', 'arrow'), arrow('arrow-failed', 'arrow failed')),
      edges.map(edgeOf),
      nodes.map(nodeOf),
    ),
  );
}

function arrow(id: string, className: string): VElement {
  return h(
    'marker',
    {
      id,
      class: className,
      viewBox: '0 0 8 8',
      refX: 7,
      refY: 4,
      markerWidth: 8,
      markerHeight: 8,
      markerUnits: 'userSpaceOnUse',
      orient: 'auto',
    },
    h('path', { d: 'M0 0L8 4L0 8z' }),
  );
}

function edgeOf(edge: PlacedEdge): VElement {
  const failed = edge.errorCount > 0;
  return h(
    'g',
    { class: failed ? 'edge failed' : 'edge', key: `${edge.source} to ${edge.target}` },
    h('title', {}, describe(edge)),
    h('path', {
      d: edge.path,
      'stroke-width': edge.lineWidth,
      'marker-end': failed ? 'url(#arrow-failed)' : 'url(#arrow)',
    }),
    h(
      'text',
      { x: edge.labelX, y: edge.labelY, 'text-anchor': 'middle', 'dominant-baseline': 'central' },
      formatCount(edge.count),
    ),
  );
}

function nodeOf({ id, label, type, x, y }: PlacedNode): VElement {
  const contents = h(
    'g',
    { class: `node node-${type}`, transform: `translate(${x} ${y})` },
    h('title', {}, `${id}, ${type}`),
    h('rect', { width: nodeWidth, height: nodeHeight, rx: type === 'service' ? 8 : 24 }),
    h('circle', { class: `colour-${colourOf(id)}`, cx: 20, cy: 24, r: 5 }),
    h('text', { class: 'node-name', x: 34, y: 20 }, label),
    h('text', { class: 'node-type', x: 34, y: 36 }, type),
  );
  if (type !== 'service') return h('g', { key: id }, contents);
  const href = formatRoute(routes.traces({ service: id }));
  return h('a', { key: id, href, 'aria-label': `Traces of ${id}` }, contents);
}

function calls(edges: readonly MapEdge[]): VElement {
  return h(
    'div',
    { class: 'table-scroll', key: 'calls' },
    h(
      'table',
      { class: 'rows', 'aria-label': 'Calls between services' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, 'Caller'),
          h('th', { scope: 'col' }, 'Called'),
          h('th', { scope: 'col', class: 'number' }, 'Calls'),
          h('th', { scope: 'col', class: 'number' }, 'Errors'),
          h('th', { scope: 'col', class: 'number' }, '95th percentile'),
        ),
      ),
      h('tbody', {}, edges.map(callRow)),
    ),
  );
}

function callRow(edge: MapEdge): VElement {
  return h(
    'tr',
    { key: `${edge.source} to ${edge.target}` },
    h('td', {}, serviceName(edge.source)),
    h('td', { class: 'grow' }, serviceName(edge.target)),
    h('td', { class: 'number' }, formatCount(edge.count)),
    h(
      'td',
      { class: 'number' },
      h(
        'span',
        { class: edge.errorCount > 0 ? 'badge bad' : 'faint' },
        formatCount(edge.errorCount),
      ),
    ),
    h('td', { class: 'number' }, formatDuration(edge.p95Ns)),
  );
}

function describe({ source, target, count, errorCount, p95Ns }: MapEdge): string {
  return `${source} to ${target}: ${plural(count, 'call')}, ${plural(errorCount, 'error')}, p95 ${formatDuration(p95Ns)}`;
}
