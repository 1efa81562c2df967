import type { Plugin } from 'vite';
import type * as wire from '../src/wire';
import { runningConfig, type Sample, sampleAt } from './sample.ts';

/** An answer of the mock backend. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Answers as the backend would, from the sample; what a browser or a test sees without one. */
export function answer(url: URL, sample: Sample): Answer {
  const text = (name: string): string => url.searchParams.get(name) ?? '';
  const limit = Number(text('limit') || '100');
  if (url.pathname === '/addresses.json') return ok(sample.addresses);
  const [, , resource = '', id = ''] = url.pathname.split('/');
  switch (`${resource}${id === '' ? '' : '/'}${resource === 'traces' && id !== '' ? '*' : id}`) {
    case 'stats':
      return ok(sample.stats);
    case 'services':
      return ok({ services: sample.services });
    case 'traces': {
      const traces = sample.traces
        .map(toSummary)
        .filter((trace) => text('service') === '' || trace.services.includes(text('service')))
        .filter((trace) => text('errors') !== 'true' || trace.errorCount > 0)
        .filter((trace) => `${trace.rootName} ${trace.traceId}`.includes(text('q')))
        .filter((trace) => trace.durationNs >= Number(text('minDurationNs')))
        .filter((trace) => trace.durationNs <= Number(text('maxDurationNs') || 'Infinity'))
        .filter((trace) => isSince(trace.startTimeUnixNano, text('sinceSeconds')))
        .filter((trace) => hasAttributes(trace.traceId, url.searchParams.getAll('attribute')));
      return ok({
        traces: traces.slice(0, limit),
        nextBefore: traces[limit]?.startTimeUnixNano ?? null,
      });

      function hasAttributes(traceId: string, wanted: readonly string[]): boolean {
        const { spans = [] } = sample.traces.find((trace) => trace.traceId === traceId) ?? {};
        return spans.some((span) =>
          wanted.every((entry) =>
            Object.entries({ ...span.resource, ...span.attributes }).some(
              ([key, value]) =>
                entry === key ||
                entry === `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
            ),
          ),
        );
      }
    }
    case 'traces/*': {
      const trace = sample.traces.find(({ traceId }) => traceId === id);
      return trace ? ok(trace) : failure(404, 'not_found', `There is no trace "${id}".`);
    }
    case 'logs': {
      const logs = sample.logs
        .filter((log) => text('traceId') === '' || log.traceId === text('traceId'))
        .filter((log) => text('service') === '' || log.service === text('service'))
        .filter((log) => isSince(log.timeUnixNano, text('sinceSeconds')))
        .filter((log) => log.severityNumber >= Number(text('minSeverity')))
        .filter((log) => JSON.stringify(log.body).includes(text('q')));
      return ok({ logs: logs.slice(0, limit), nextBefore: logs[limit]?.timeUnixNano ?? null });
    }
    case 'metrics':
      return ok({ metrics: sample.metrics.map(toMetric) });
    case 'metrics/series': {
      const metric = sample.metrics.find(({ name }) => name === text('name'));
      return metric ? ok(metric) : failure(404, 'not_found', 'There is no such metric.');
    }
    case 'service-map':
      return ok(sample.map);
    case 'opamp/status':
      return ok({ agents: sample.agents });
    case 'opamp/config':
      return ok({
        instance: text('instance'),
        config: '',
        hash: '',
        effectiveConfig: runningConfig,
      });
    default:
      return failure(404, 'not_found', 'There is no such resource.');
  }
}

/** Vite plugin of `npm run mock`: the interface on sample data. */
export function mockApi(): Plugin {
  return {
    name: 'mock-api',
    configureServer(server) {
      server.middlewares.use((request, response, next) => {
        const url = new URL(request.url ?? '', 'http://localhost');
        if (!url.pathname.startsWith('/api/') && url.pathname !== '/addresses.json') {
          next();
          return;
        }
        const { status, body } =
          request.method === 'PUT'
            ? { status: 202, body: { hash: 'f00d', instances: ['018f3c2e'] } }
            : answer(url, sampleAt(Date.now()));
        response.statusCode = status;
        response.setHeader('Content-Type', 'application/json');
        response.end(JSON.stringify(body));
      });
    },
  };
}

function isSince(unixNano: string, seconds: string): boolean {
  return seconds === '' || Number(unixNano) / 1e6 >= Date.now() - Number(seconds) * 1000;
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function failure(status: number, code: string, message: string): Answer {
  const body: wire.ErrorBody = { error: { code, message } };
  return { status, body };
}

function toSummary({ traceId, spans }: wire.Trace): wire.TraceSummary {
  const [root] = spans;
  return {
    traceId,
    rootName: root?.name ?? '',
    rootService: root?.service ?? '',
    startTimeUnixNano: root?.startTimeUnixNano ?? '0',
    durationNs: root?.durationNs ?? 0,
    spanCount: spans.length,
    errorCount: spans.filter((span) => span.status.code === 'ERROR').length,
    services: [...new Set(spans.map((span) => span.service))],
  };
}

function toMetric({ name, type, unit, description, series }: wire.MetricSeries): wire.Metric {
  const services = [...new Set(series.map(({ service }) => service))];
  return { name, type, unit, description, services, seriesCount: series.length };
}
