import { withQuery } from './query-string';

export interface TracesRoute {
  readonly page: 'traces';
  readonly service: string;
  readonly errors: boolean;
  readonly q: string;
  /** Newest minutes to look at; 0 for all that is kept. */
  readonly minutes: number;
  /** Least and greatest duration as they were typed, such as `250ms`. */
  readonly min: string;
  readonly max: string;
  /** Each `key=value`, or `key` for any value. */
  readonly attributes: readonly string[];
  readonly slowest: boolean;
  readonly before: string;
}

export interface TraceRoute {
  readonly page: 'trace';
  readonly traceId: string;
  readonly span: string;
}

export interface LogsRoute {
  readonly page: 'logs';
  readonly service: string;
  readonly minSeverity: number;
  readonly q: string;
  readonly minutes: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly before: string;
}

export interface MetricsRoute {
  readonly page: 'metrics';
  readonly name: string;
  readonly q: string;
  readonly minutes: number;
  readonly raw: boolean;
  /** Label of the one series whose distribution is shown; empty for all of them together. */
  readonly series: string;
}

export interface ServicesRoute {
  readonly page: 'services';
  readonly sort: ServiceSort;
}

export interface MapRoute {
  readonly page: 'map';
}

export interface CollectorsRoute {
  readonly page: 'collectors';
  readonly instance: string;
}

export interface NotFoundRoute {
  readonly page: 'notFound';
  readonly path: string;
}

/** What the address bar says; an empty string, `false` or 0 stands for "not set" and is left out of the URL. */
export type Route =
  | TracesRoute
  | TraceRoute
  | LogsRoute
  | MetricsRoute
  | ServicesRoute
  | MapRoute
  | CollectorsRoute
  | NotFoundRoute;

export const serviceSorts = ['name', 'spans', 'errors', 'p50', 'p95', 'seen'] as const;
export type ServiceSort = (typeof serviceSorts)[number];

const defaultMinutes = 10;

export const routes = {
  traces: (set: Partial<TracesRoute> = {}): TracesRoute => ({
    page: 'traces',
    service: '',
    errors: false,
    q: '',
    minutes: 0,
    min: '',
    max: '',
    attributes: [],
    slowest: false,
    before: '',
    ...set,
  }),
  trace: (traceId: string, span = ''): TraceRoute => ({ page: 'trace', traceId, span }),
  logs: (set: Partial<LogsRoute> = {}): LogsRoute => ({
    page: 'logs',
    service: '',
    minSeverity: 0,
    q: '',
    minutes: 0,
    traceId: '',
    spanId: '',
    before: '',
    ...set,
  }),
  metrics: (set: Partial<MetricsRoute> = {}): MetricsRoute => ({
    page: 'metrics',
    name: '',
    q: '',
    minutes: defaultMinutes,
    raw: false,
    series: '',
    ...set,
  }),
  services: (sort: ServiceSort = 'name'): ServicesRoute => ({ page: 'services', sort }),
  map: (): MapRoute => ({ page: 'map' }),
  collectors: (instance = ''): CollectorsRoute => ({ page: 'collectors', instance }),
  notFound: (path: string): NotFoundRoute => ({ page: 'notFound', path }),
};

/** Route of an address. nginx.conf.template answers the same paths, and any other one with 404. */
export function parseRoute(url: URL): Route {
  const [page = '', id = '', ...rest] = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  if (rest.length > 0 || (id !== '' && page !== 'traces')) return routes.notFound(url.pathname);
  const text = (name: string): string => url.searchParams.get(name) ?? '';
  const number = (name: string): number => Math.max(0, Math.trunc(Number(text(name)))) || 0;
  switch (page) {
    case '':
    case 'traces':
      if (id !== '') return routes.trace(id, text('span'));
      return routes.traces({
        service: text('service'),
        errors: text('errors') === 'true',
        q: text('q'),
        minutes: number('minutes'),
        min: text('min'),
        max: text('max'),
        attributes: url.searchParams.getAll('attribute').filter((entry) => entry !== ''),
        slowest: text('sort') === 'slowest',
        before: text('before'),
      });
    case 'logs':
      return routes.logs({
        service: text('service'),
        minSeverity: number('minSeverity'),
        q: text('q'),
        minutes: number('minutes'),
        traceId: text('traceId'),
        spanId: text('spanId'),
        before: text('before'),
      });
    case 'metrics':
      return routes.metrics({
        name: text('name'),
        q: text('q'),
        minutes: number('minutes') || defaultMinutes,
        raw: text('raw') === 'true',
        series: text('series'),
      });
    case 'services':
      return routes.services(serviceSorts.find((sort) => sort === text('sort')));
    case 'map':
      return routes.map();
    case 'collectors':
      return routes.collectors(text('instance'));
    default:
      return routes.notFound(url.pathname);
  }
}

/** Address of a route: `parseRoute` of it gives the route again. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'trace':
      return withQuery(`/traces/${encodeURIComponent(route.traceId)}`, { span: route.span });
    case 'metrics': {
      const minutes = route.minutes === defaultMinutes ? 0 : route.minutes;
      const { name, q, raw, series } = route;
      return withQuery('/metrics', { name, q, minutes, raw, series });
    }
    case 'notFound':
      return route.path;
    case 'services':
      return withQuery('/services', { sort: route.sort === 'name' ? '' : route.sort });
    case 'traces': {
      const { page, attributes, slowest, ...query } = route;
      const sort = slowest ? 'slowest' : '';
      return withQuery(`/${page}`, { ...query, attribute: attributes, sort });
    }
    case 'logs':
    case 'map':
    case 'collectors': {
      const { page, ...query } = route;
      return withQuery(`/${page}`, query);
    }
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
