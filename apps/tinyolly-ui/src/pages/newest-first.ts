import { type Children, h, type VElement } from '../dom';
import type { Slice } from '../model';
import type { Page, PageContext } from '../page';
import { firstRows, moreRows } from '../paging';
import { giveColours } from '../palette';
import { formatRoute, type LogsRoute, type TracesRoute } from '../router';
import { formatDateTime, parseNanos } from '../time';
import { filterChip, searchBox, serviceSelect, toolbar } from '../ui/controls';
import { more } from '../ui/more';
import { nothingMatches, waitingFor } from '../ui/notices';

export interface NewestFirst<R extends TracesRoute | LogsRoute, Row> {
  readonly title: 'Traces' | 'Logs';
  /** The route without a filter. */
  readonly all: R;
  /** What the text filter looks through. */
  readonly searched: string;
  readonly read: (
    query: R & { readonly limit: number },
    signal: AbortSignal,
  ) => Promise<Slice<Row>>;
  /** The page's own filters, with that of the service among them. */
  readonly filters: (route: R, service: VElement) => readonly Children[];
  readonly rows: (items: readonly Row[]) => VElement;
}

/** A page of rows, newest first, whose filters are in its address. */
export function newestFirst<R extends TracesRoute | LogsRoute, Row>(
  context: PageContext,
  { title, all, searched, read, filters, rows }: NewestFirst<R, Row>,
): Page<R> {
  const what = title.toLowerCase();
  let limit = firstRows;
  let services: readonly string[] = [];
  let slice: Slice<Row> | undefined;

  return (route) => {
    const bar = (): VElement =>
      toolbar(
        `Filter ${what}`,
        searchBox({
          label: `Search ${searched}`,
          value: route.q,
          onInput: (q) => {
            context.soon(() => {
              context.go({ ...route, q, before: '' }, 'replace');
            });
          },
        }),
        ...filters(
          route,
          serviceSelect(route.service, services, (service) => {
            context.go({ ...route, service, before: '' });
          }),
        ),
        route.before !== '' &&
          filterChip(`Before ${formatDateTime(parseNanos(route.before))}`, () => {
            context.go({ ...route, before: '' });
          }),
      );

    const nothing = (): VElement =>
      formatRoute(route) === formatRoute(all)
        ? waitingFor(what)
        : nothingMatches(what, () => {
            context.go(all);
          });

    return {
      title,
      async load(signal) {
        const [found, known] = await Promise.all([
          read({ ...route, limit }, signal),
          context.api.services(signal),
        ]);
        slice = found;
        services = known.map((service) => service.name);
        giveColours(services);
      },
      render() {
        if (!slice) return undefined;
        const { items, nextBefore } = slice;
        return h(
          'div',
          { class: 'page', key: what },
          bar(),
          items.length > 0 ? rows(items) : nothing(),
          nextBefore !== undefined &&
            more({
              rows: limit,
              onMore: () => {
                limit = moreRows(limit);
                context.reload();
              },
              older: {
                href: formatRoute({ ...route, before: nextBefore }),
                label: `Older ${what}`,
              },
            }),
        );
      },
    };
  };
}
