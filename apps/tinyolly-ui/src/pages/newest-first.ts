import { orUndefined } from '../api';
import { type Children, h, type VElement } from '../dom';
import type { Slice } from '../model';
import { plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { firstRows, maxRows, moreRows } from '../paging';
import { giveColours } from '../palette';
import { formatRoute, type LogsRoute, type TracesRoute } from '../router';
import { formatDateTime, parseNanos } from '../time';
import { filterChip, searchBox, select, serviceSelect, toolbar } from '../ui/controls';
import { more } from '../ui/more';
import { nothingMatches, nothingYet, waitingFor } from '../ui/notices';

const ranges = [1, 5, 15, 30, 60];

type SharedFilters = Pick<TracesRoute, 'q' | 'service' | 'minutes'>;

/** What the filters do besides showing what the address says. */
export interface Filtering<R> {
  /** Goes to the same list with other filters, from its newest row on; what was typed meanwhile goes along. */
  readonly set: (change: Partial<R>) => void;
  /** The same once typing has paused, with no entry in the history. */
  readonly typed: (change: Partial<R>) => void;
  /** Part of the key of each field: another one where what was typed is given up. */
  readonly key: string;
}

export interface NewestFirst<R extends TracesRoute | LogsRoute, Row> {
  readonly title: 'Traces' | 'Logs';
  /** What one row is called. */
  readonly noun: string;
  /** The route without a filter. */
  readonly all: R;
  /** What the text filter looks through. */
  readonly searched: string;
  readonly read: (
    query: R & { readonly limit: number },
    signal: AbortSignal,
  ) => Promise<Slice<Row>>;
  /** The page's own filters, with those of the service and the time among them. */
  readonly filters: (
    route: R,
    filtering: Filtering<R>,
    shared: { readonly service: VElement; readonly time: VElement },
  ) => readonly Children[];
  /** Another order than by time, which is that of as many rows as the backend sends at once. */
  readonly order?: (route: R) => ((a: Row, b: Row) => number) | undefined;
  readonly rows: (items: readonly Row[], route: R) => VElement;
}

/** A page of rows, newest first, whose filters are in its address. */
export function newestFirst<R extends TracesRoute | LogsRoute, Row>(
  context: PageContext,
  { title, noun, all, searched, read, filters, order, rows }: NewestFirst<R, Row>,
): Page<R> {
  const what = title.toLowerCase();
  let limit = firstRows;
  let services: readonly string[] = [];
  let slice: Slice<Row> | undefined;
  let sliceOf = '';
  let announced = '';
  let pending: Partial<R> = {};
  let generation = 0;

  return (route) => {
    const address = formatRoute(route);
    if (Object.keys(pending).length > 0) generation += 1;
    pending = {};

    const go = (change: Partial<R>, how: 'push' | 'replace'): void => {
      const next = { ...route, ...pending, before: '', ...change };
      pending = {};
      context.go(next, how);
    };
    const filtering: Filtering<R> = {
      set: (change) => {
        go(change, 'push');
      },
      typed: (change) => {
        pending = { ...pending, ...change };
        context.soon(() => {
          go({}, 'replace');
        });
      },
      key: String(generation),
    };
    // TypeScript does not see that each R has these fields.
    const change = (fields: Partial<SharedFilters>): Partial<R> => fields as Partial<R>;

    const bar = (): VElement =>
      toolbar(
        `Filter ${what}`,
        searchBox({
          key: filtering.key,
          label: `Search ${searched}`,
          value: route.q,
          onInput: (q) => {
            filtering.typed(change({ q }));
          },
        }),
        ...filters(route, filtering, {
          service: serviceSelect(route.service, services, (service) => {
            filtering.set(change({ service }));
          }),
          time: select({
            label: 'Time range',
            value: String(route.minutes),
            choices: [0, ...new Set([...ranges, route.minutes])]
              .filter((minutes, index) => index === 0 || minutes > 0)
              .map((minutes) => ({
                value: String(minutes),
                label: minutes === 0 ? 'All times' : `Last ${plural(minutes, 'minute')}`,
              })),
            onChange: (minutes) => {
              filtering.set(change({ minutes: Number(minutes) }));
            },
          }),
        }),
        route.before !== '' &&
          filterChip(
            `Before ${formatDateTime(parseNanos(route.before.split(':')[0] ?? ''))}`,
            () => {
              filtering.set({});
            },
          ),
        sliceOf !== address && h('span', { class: 'faint pending' }, 'Loading what matches…'),
      );

    const older = (cursor: string): string => formatRoute({ ...route, before: cursor });

    const clear = (): void => {
      context.go(all);
    };

    const nothing = (nextBefore: string | undefined): VElement => {
      if (nextBefore !== undefined) return nothingYet(what, older(nextBefore), clear);
      return address === formatRoute(all)
        ? waitingFor(what, context.addresses())
        : nothingMatches(what, clear);
    };

    const end = ({ items, nextBefore }: Slice<Row>, ordered: boolean): Children => {
      const longer = ordered
        ? items.length > limit
        : nextBefore !== undefined && items.length >= limit && limit < maxRows;
      if (!longer && nextBefore === undefined) return undefined;
      return [
        ordered &&
          nextBefore !== undefined &&
          h(
            'p',
            { class: 'faint', key: 'ordered' },
            `In order are the newest ${plural(items.length, noun)} that match; a shorter time range or a least duration leaves out fewer.`,
          ),
        more({
          onMore: longer
            ? () => {
                limit = moreRows(limit);
                context.reload();
              }
            : undefined,
          older: { href: older(nextBefore ?? ''), label: `Older ${what}` },
        }),
      ];
    };

    const summary = ({ items, nextBefore }: Slice<Row>): string =>
      `${plural(items.length, noun)}${nextBefore === undefined ? '' : ', and there are older ones'}`;

    return {
      title,
      async load(signal) {
        const compare = order?.(route);
        const [found, known] = await Promise.all([
          read({ ...route, limit: compare ? maxRows : limit }, signal),
          orUndefined(context.api.services(signal)),
        ]);
        slice = compare ? { ...found, items: found.items.toSorted(compare) } : found;
        if (sliceOf !== address) announced = summary(slice);
        sliceOf = address;
        if (known) services = known.map((service) => service.name);
        giveColours(services);
      },
      render() {
        if (!slice) return undefined;
        const { items, nextBefore } = slice;
        const current = sliceOf === address;
        return h(
          'div',
          { class: 'page', key: what },
          bar(),
          h('p', { class: 'unseen', role: 'status' }, current ? announced : ''),
          h(
            'div',
            { class: current ? 'page' : 'page outdated', 'aria-busy': String(!current) },
            items.length > 0 ? rows(items.slice(0, limit), route) : current && nothing(nextBefore),
            items.length > 0 && current && end(slice, order?.(route) !== undefined),
          ),
        );
      },
    };
  };
}
