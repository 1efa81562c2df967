import { orUndefined } from '../api';
import { h, type VElement } from '../dom';
import { layoutMap, nodeHeight, nodeWidth, type PlacedEdge, type PlacedNode } from '../map-layout';
import type { MapEdge, ServiceMap } from '../model';
import { formatCount, formatShare, plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { colourOf, giveColours } from '../palette';
import { formatRoute, type MapRoute, routes } from '../router';
import { formatDuration } from '../time';
import { waitingFor } from '../ui/notices';
import { serviceName } from '../ui/service-name';

/** Shades of an edge, by the share of calls that failed; the last one that is not above it counts. */
const shades = [
  { from: 0, name: 'rate-none', label: 'none' },
  { from: Number.MIN_VALUE, name: 'rate-low', label: 'under 5 %' },
  { from: 0.05, name: 'rate-middle', label: '5 % to 25 %' },
  { from: 0.25, name: 'rate-high', label: '25 % and more' },
] as const;

/** Of two lines one is above the edge and one below it. */
const labelHeight = 20;
/** Traces that the backend makes the map of. */
const mappedTraces = 1000;

export function mapPage(context: PageContext): Page<MapRoute> {
  let map: ServiceMap | undefined;
  let services: readonly string[] | undefined;

  return () => ({
    title: 'Map',
    async load(signal) {
      const [latest, known] = await Promise.all([
        context.api.serviceMap(signal),
        orUndefined(context.api.services(signal)),
      ]);
      map = latest;
      services = known?.map(({ name }) => name) ?? services;
      giveColours([...map.nodes.map((node) => node.id), ...(services ?? [])]);
    },
    render() {
      if (!map) return undefined;
      return h(
        'div',
        { class: 'page', key: 'map' },
        map.nodes.length === 0
          ? waitingFor('traces', context.addresses())
          : [picture(map, services), key(), scope(map, services), calls(map.edges)],
      );
    },
  });
}

/** What is shown, and why the services are others than on the page of services. */
function scope({ nodes }: ServiceMap, services: readonly string[] | undefined): VElement {
  const ids = new Set(nodes.map(({ id }) => id));
  const absent = services?.filter((name) => !ids.has(name)) ?? [];
  const named = nodes.filter(({ id }) => services && !services.includes(id)).map(({ id }) => id);
  return h(
    'p',
    { class: 'faint', key: 'scope' },
    `The map is that of the newest ${formatCount(mappedTraces)} traces. `,
    named.length > 0 &&
      `Dashed is what only others’ calls name and what sent no spans itself, so that it is not among the services: ${named.join(', ')}. `,
    absent.length > 0 && `Services that are in none of these traces: ${absent.join(', ')}.`,
  );
}

function key(): VElement {
  return h(
    'ul',
    { class: 'map-key', key: 'key', 'aria-label': 'Calls that failed' },
    h('li', { class: 'faint' }, 'Calls that failed:'),
    shades.map(({ name, label }) =>
      h('li', {}, h('span', { class: `swatch ${name}`, 'aria-hidden': 'true' }), label),
    ),
  );
}

function shadeOf({ count, errorCount }: MapEdge): string {
  const rate = count === 0 ? 0 : errorCount / count;
  return shades.findLast(({ from }) => rate >= from)?.name ?? shades[0].name;
}

function picture(map: ServiceMap, services: readonly string[] | undefined): VElement {
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
      h(
        'defs',
        {},
        shades.map(({ name }) => arrow(`arrow-${name}`, `arrow ${name}`)),
      ),
      edges.map(edgeOf),
      edges.map(labelOf),
      nodes.map((node) => nodeOf(node, services?.includes(node.id) ?? true)),
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
  const shade = shadeOf(edge);
  return h(
    'g',
    { class: `edge ${shade}`, key: `${edge.source} to ${edge.target}` },
    h('title', {}, describe(edge)),
    h('path', {
      d: edge.path,
      'stroke-width': edge.lineWidth,
      'marker-end': `url(#arrow-${shade})`,
    }),
  );
}

/** The numbers of an edge, above all lines. */
function labelOf(edge: PlacedEdge): VElement {
  const lines = [
    { name: 'calls', text: plural(edge.count, 'call') },
    { name: 'failed', text: `${formatShare(edge.errorCount / edge.count)} failed` },
  ].slice(0, edge.errorCount > 0 ? 2 : 1);
  return h(
    'g',
    { class: 'edge-label', key: `label of ${edge.source} to ${edge.target}` },
    h('title', {}, describe(edge)),
    lines.map(({ name, text }, index) =>
      h(
        'text',
        {
          class: name,
          x: edge.labelX,
          y: edge.labelY + (index - (lines.length - 1) / 2) * labelHeight,
          'text-anchor': 'middle',
          'dominant-baseline': 'central',
        },
        text,
      ),
    ),
  );
}

function nodeOf({ id, label, type, x, y }: PlacedNode, sends: boolean): VElement {
  const contents = h(
    'g',
    { class: `node node-${type}${sends ? '' : ' named'}`, transform: `translate(${x} ${y})` },
    h('title', {}, `${id}, ${type}`),
    h('rect', { width: nodeWidth, height: nodeHeight, rx: type === 'service' ? 8 : 24 }),
    h('circle', { class: `colour-${colourOf(id)}`, cx: 20, cy: 24, r: 5 }),
    h('text', { class: 'node-name', x: 34, y: 20 }, label),
    h('text', { class: 'node-type', x: 34, y: 36 }, type),
  );
  if (type !== 'service' || !sends) return h('g', { key: id }, contents);
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
          h('th', { scope: 'col', class: 'number' }, 'Failed'),
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
        { class: edge.errorCount > 0 ? `badge ${shadeOf(edge)}` : 'faint' },
        edge.errorCount > 0
          ? `${formatCount(edge.errorCount)} · ${formatShare(edge.errorCount / edge.count)}`
          : '0',
      ),
    ),
    h('td', { class: 'number' }, formatDuration(edge.p95Ns)),
  );
}

function describe({ source, target, count, errorCount, p95Ns }: MapEdge): string {
  return `${source} to ${target}: ${plural(count, 'call')}, ${plural(errorCount, 'error')}, p95 ${formatDuration(p95Ns)}`;
}
