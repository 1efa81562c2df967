import { groupBy } from './group-by';
import type { MapEdge, MapNode, ServiceMap } from './model';

export interface PlacedNode extends MapNode {
  /** The id, shortened to fit the box. */
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge extends MapEdge {
  readonly path: string;
  /** Middle of the line, for its label. */
  readonly labelX: number;
  readonly labelY: number;
  readonly lineWidth: number;
}

/** The map in pixels: callers at the left, what they call to their right. */
export interface MapLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
}

export const nodeWidth = 160;
export const nodeHeight = 48;
const columnGap = 132;
const rowGap = 44;
const margin = 28;
const sweeps = 8;
const longestLabel = 17;

/** A node of the map, or a bend of an edge that passes through a column on its way. */
interface Slot {
  readonly id: string;
  readonly column: number;
  readonly bend: boolean;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Layered layout; the same services and calls give the same picture, in whatever order they come. */
export function layoutMap(map: ServiceMap): MapLayout {
  const nodes = map.nodes.toSorted((a, b) => compare(a.id, b.id));
  const ids = new Set(nodes.map((node) => node.id));
  const edges = map.edges
    .filter((edge) => ids.has(edge.source) && ids.has(edge.target))
    .sort((a, b) => compare(a.source, b.source) || compare(a.target, b.target));
  const columnOf = assignColumns([...ids], edges);
  const routes = edges.map((edge) => slotsOf(edge, columnOf));

  const slots = new Map<string, Slot>();
  for (const node of nodes) {
    slots.set(node.id, { id: node.id, column: columnOf.get(node.id) ?? 0, bend: false });
  }
  for (const slot of routes.flat()) if (slot.bend) slots.set(slot.id, slot);

  const columns = orderColumns([...slots.values()], routes);
  const tallest = columns.reduce((most, column) => Math.max(most, columnHeight(column)), 0);
  const places = new Map<string, Point>();
  for (const [index, column] of columns.entries()) {
    let y = margin + (tallest - columnHeight(column)) / 2;
    for (const slot of column) {
      places.set(slot.id, {
        x: margin + index * (nodeWidth + columnGap),
        y: y + slotHeight(slot) / 2,
      });
      y += slotHeight(slot) + rowGap;
    }
  }

  const busiest = edges.reduce((most, edge) => Math.max(most, edge.count), 1);
  return {
    width: margin * 2 + columns.length * nodeWidth + Math.max(columns.length - 1, 0) * columnGap,
    height: margin * 2 + tallest,
    nodes: nodes.map((node) => {
      const { x, y } = places.get(node.id) ?? { x: 0, y: 0 };
      return { ...node, label: shorten(node.id), x, y: y - nodeHeight / 2 };
    }),
    edges: edges.map((edge, index) => ({
      ...edge,
      ...drawEdge(edge, routes[index] ?? [], places),
      lineWidth: 1.25 + 2.5 * Math.sqrt(edge.count / busiest),
    })),
  };
}

/** Column of each node: one more than its callers', calls that close a cycle left out. */
function assignColumns(
  ids: readonly string[],
  edges: readonly MapEdge[],
): ReadonlyMap<string, number> {
  const targets = groupBy(edges, (edge) => edge.source);
  const called = new Set(
    edges.filter((edge) => edge.source !== edge.target).map((edge) => edge.target),
  );
  const finished: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const forward: MapEdge[] = [];

  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const edge of targets.get(id) ?? []) {
      if (state.get(edge.target) === 'open') continue;
      forward.push(edge);
      if (!state.has(edge.target)) visit(edge.target);
    }
    state.set(id, 'done');
    finished.push(id);
  };
  const entriesFirst = [...ids.filter((id) => !called.has(id)), ...ids];
  for (const id of entriesFirst) if (!state.has(id)) visit(id);

  const column = new Map<string, number>();
  const callsFrom = groupBy(forward, (edge) => edge.source);
  for (const id of finished.toReversed()) {
    const own = column.get(id) ?? 0;
    column.set(id, own);
    for (const { target } of callsFrom.get(id) ?? []) {
      column.set(target, Math.max(column.get(target) ?? 0, own + 1));
    }
  }
  return column;
}

/** The slots that an edge runs through, from its source to its target. */
function slotsOf(edge: MapEdge, columnOf: ReadonlyMap<string, number>): Slot[] {
  const from = columnOf.get(edge.source) ?? 0;
  const to = columnOf.get(edge.target) ?? 0;
  const step = from < to ? 1 : -1;
  const slots: Slot[] = [{ id: edge.source, column: from, bend: false }];
  for (let column = from + step; step * (to - column) > 0; column += step) {
    slots.push({ id: JSON.stringify([edge.source, edge.target, column]), column, bend: true });
  }
  slots.push({ id: edge.target, column: to, bend: false });
  return slots;
}

/** Each column from top to bottom: swept back and forth, every slot goes to the middle of its neighbours. */
function orderColumns(slots: readonly Slot[], routes: readonly (readonly Slot[])[]): Slot[][] {
  const count = slots.reduce((most, slot) => Math.max(most, slot.column + 1), 0);
  const columns = Array.from({ length: count }, (_, column) =>
    slots.filter((slot) => slot.column === column),
  );
  const neighbours = new Map<string, Slot[]>();
  const connect = (from: Slot, to: Slot): void => {
    neighbours.set(from.id, [...(neighbours.get(from.id) ?? []), to]);
  };
  for (const route of routes) {
    for (const [index, to] of route.entries()) {
      const from = route[index - 1];
      if (!from || from.column === to.column) continue;
      connect(from, to);
      connect(to, from);
    }
  }

  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    const step = sweep % 2 === 0 ? 1 : -1;
    const order = step === 1 ? columns.keys() : [...columns.keys()].reverse();
    for (const index of order) {
      const beside = placesIn(columns[index - step] ?? []);
      const here = placesIn(columns[index] ?? []);
      const wish = (slot: Slot): number => {
        const places = (neighbours.get(slot.id) ?? [])
          .map((neighbour) => beside.get(neighbour.id))
          .filter((place) => place !== undefined);
        if (places.length === 0) return here.get(slot.id) ?? 0;
        return places.reduce((sum, place) => sum + place, 0) / places.length;
      };
      columns[index]?.sort((a, b) => wish(a) - wish(b) || compare(a.id, b.id));
    }
  }
  return columns;
}

/** Place of each slot in its column, -1 to 1 around the middle. */
function placesIn(column: readonly Slot[]): ReadonlyMap<string, number> {
  return new Map(column.map(({ id }, index) => [id, index - (column.length - 1) / 2]));
}

function drawEdge(
  edge: MapEdge,
  route: readonly Slot[],
  places: ReadonlyMap<string, Point>,
): Pick<PlacedEdge, 'path' | 'labelX' | 'labelY'> {
  const points = route.map((slot) => ({ ...slot, ...(places.get(slot.id) ?? { x: 0, y: 0 }) }));
  const [from, ...rest] = points;
  const to = rest.at(-1);
  if (!from || !to) return { path: '', labelX: 0, labelY: 0 };
  if (edge.source === edge.target || from.column === to.column) return drawLoop(from, to);

  const forward = from.column < to.column;
  const startX = from.x + (forward ? nodeWidth : 0);
  const endX = to.x + (forward ? 0 : nodeWidth);
  let path = `M${startX},${from.y}`;
  let x = startX;
  let y = from.y;
  let label: Point = from;
  for (const [index, point] of rest.entries()) {
    const arrives = point.bend ? point.x + (forward ? 0 : nodeWidth) : endX;
    const middle = (x + arrives) / 2;
    path += `C${middle},${y} ${middle},${point.y} ${arrives},${point.y}`;
    if (index === 0) label = { x: middle, y: (y + point.y) / 2 };
    x = arrives;
    y = point.y;
    if (point.bend) {
      x = point.x + (forward ? nodeWidth : 0);
      path += `L${x},${y}`;
    }
  }
  return { path, labelX: label.x, labelY: label.y };
}

/** An arc at the right of the column: a call to itself, or to a node of the same column. */
function drawLoop(from: Point, to: Point): Pick<PlacedEdge, 'path' | 'labelX' | 'labelY'> {
  const x = from.x + nodeWidth;
  const reach = x + columnGap * 0.4;
  const spread = from.y === to.y ? nodeHeight / 4 : 0;
  return {
    path: `M${x},${from.y - spread}C${reach},${from.y - spread} ${reach},${to.y + spread} ${x},${to.y + spread}`,
    labelX: x + columnGap * 0.3,
    labelY: (from.y + to.y) / 2,
  };
}

function shorten(id: string): string {
  return id.length <= longestLabel ? id : `${id.slice(0, longestLabel - 1)}…`;
}

function slotHeight(slot: Slot): number {
  return slot.bend ? 0 : nodeHeight;
}

function columnHeight(column: readonly Slot[]): number {
  const slots = column.reduce((sum, slot) => sum + slotHeight(slot), 0);
  return slots + Math.max(column.length - 1, 0) * rowGap;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
