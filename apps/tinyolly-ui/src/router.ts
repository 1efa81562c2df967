import { withQuery } from './query-string';

export interface TracesRoute {
  readonly page: 'traces';
  readonly service: string;
  readonly errors: boolean;
  readonly q: string;
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

/** What the address bar says; an empty string, `false` or 0 stands for "not set" and is left out of the URL. */
export type Route =
  TracesRoute | TraceRoute | LogsRoute | MetricsRoute | ServicesRoute | MapRoute | CollectorsRoute;

export const serviceSorts = ['name', 'spans', 'errors', 'p50', 'p95', 'seen'] as const;
export type ServiceSort = (typeof serviceSorts)[number];

const defaultMinutes = 10;

export const routes = {
  traces: (set: Partial<TracesRoute> = {}): TracesRoute => ({
    page: 'traces',
    service: '',
    errors: false,
    q: '',
    before: '',
    ...set,
  }),
  trace: (traceId: string, span = ''): TraceRoute => ({ page: 'trace', traceId, span }),
  logs: (set: Partial<LogsRoute> = {}): LogsRoute => ({
    page: 'logs',
    service: '',
    minSeverity: 0,
    q: '',
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
    ...set,
  }),
  services: (sort: ServiceSort = 'name'): ServicesRoute => ({ page: 'services', sort }),
  map: (): MapRoute => ({ page: 'map' }),
  collectors: (instance = ''): CollectorsRoute => ({ page: 'collectors', instance }),
};

/** Route of an address; unknown paths lead to the traces. */
export function parseRoute(url: URL): Route {
  const [page = '', id = ''] = url.pathname
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const text = (name: string): string => url.searchParams.get(name) ?? '';
  const number = (name: string): number => Math.max(0, Math.trunc(Number(text(name)))) || 0;
  switch (page) {
    case 'traces':
      if (id !== '') return routes.trace(id, text('span'));
      break;
    case 'logs':
      return routes.logs({
        service: text('service'),
        minSeverity: number('minSeverity'),
        q: text('q'),
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
      });
    case 'services':
      return routes.services(serviceSorts.find((sort) => sort === text('sort')));
    case 'map':
      return routes.map();
    case 'collectors':
      return routes.collectors(text('instance'));
  }
  return routes.traces({
    service: text('service'),
    errors: text('errors') === 'true',
    q: text('q'),
    before: text('before'),
  });
}

/** Address of a route: `parseRoute` of it gives the route again. */
export function formatRoute(route: Route): string {
  switch (route.page) {
    case 'trace':
      return withQuery(`/traces/${encodeURIComponent(route.traceId)}`, { span: route.span });
    case 'metrics': {
      const minutes = route.minutes === defaultMinutes ? 0 : route.minutes;
      return withQuery('/metrics', { name: route.name, q: route.q, minutes, raw: route.raw });
    }
    case 'services':
      return withQuery('/services', { sort: route.sort === 'name' ? '' : route.sort });
    case 'traces':
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
