import {
  toAgents,
  toLogs,
  toMetricSeries,
  toServiceMap,
  toServices,
  toTrace,
  toTraces,
} from './from-wire';
import type * as model from './model';
import { type Query, withQuery } from './query-string';
import type * as wire from './wire';

export interface TraceQuery {
  readonly limit: number;
  readonly service: string;
  readonly errors: boolean;
  readonly q: string;
  /** 0 for all that is kept. */
  readonly minutes: number;
  /** 0 for none. */
  readonly minDurationNs: number;
  readonly maxDurationNs: number;
  /** Each `key=value`, or `key` for any value; one span has all of them. */
  readonly attributes: readonly string[];
  readonly before: string;
}

export interface LogQuery {
  readonly limit: number;
  readonly service: string;
  readonly minSeverity: number;
  readonly q: string;
  readonly minutes: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly before: string;
}

/** An answer that is not a success; `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

/** What `answer` resolves to; undefined where it fails, for what a page can do without. */
export async function orUndefined<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}

/** The backend's REST interface; every method rejects with {@link ApiError} or the signal's abort reason. */
export class Api {
  constructor(private readonly send: typeof fetch = (input, init) => fetch(input, init)) {}

  /** Where this TinyOlly is reached; nginx answers, not the backend. */
  addresses(signal: AbortSignal): Promise<model.Addresses> {
    return this.get<wire.Addresses>('/addresses.json', {}, signal);
  }

  stats(signal: AbortSignal): Promise<model.Stats> {
    return this.get<wire.Stats>('/api/stats', {}, signal);
  }

  async services(signal: AbortSignal): Promise<model.Service[]> {
    return toServices(await this.get('/api/services', {}, signal));
  }

  async traces(query: TraceQuery, signal: AbortSignal): Promise<model.Slice<model.TraceSummary>> {
    const { minutes, attributes, limit, service, errors, q, ...rest } = query;
    const { minDurationNs, maxDurationNs, before } = rest;
    const sinceSeconds = minutes * 60;
    const where = { attribute: attributes, minDurationNs, maxDurationNs, sinceSeconds, before };
    const wanted = { limit, service, errors, q, ...where };
    return toTraces(await this.get('/api/traces', wanted, signal));
  }

  async trace(traceId: string, signal: AbortSignal): Promise<model.Trace> {
    return toTrace(await this.get(`/api/traces/${encodeURIComponent(traceId)}`, {}, signal));
  }

  async logs(query: LogQuery, signal: AbortSignal): Promise<model.Slice<model.LogRecord>> {
    const { limit, service, minSeverity, q, minutes, traceId, spanId, before } = query;
    const sinceSeconds = minutes * 60;
    const wanted = { limit, service, minSeverity, q, sinceSeconds, traceId, spanId, before };
    return toLogs(await this.get('/api/logs', wanted, signal));
  }

  async metrics(signal: AbortSignal): Promise<readonly model.Metric[]> {
    return (await this.get<wire.Metrics>('/api/metrics', {}, signal)).metrics;
  }

  async metricSeries(
    name: string,
    minutes: number,
    signal: AbortSignal,
  ): Promise<model.MetricSeries> {
    return toMetricSeries(
      await this.get('/api/metrics/series', { name, sinceSeconds: minutes * 60 }, signal),
    );
  }

  async serviceMap(signal: AbortSignal): Promise<model.ServiceMap> {
    return toServiceMap(await this.get('/api/service-map', {}, signal));
  }

  async agents(signal: AbortSignal): Promise<model.Agent[]> {
    return toAgents(await this.get('/api/opamp/status', {}, signal));
  }

  /** The configuration last set for a collector, and the one that it runs; empty where there is none. */
  agentConfig(instance: string, signal: AbortSignal): Promise<model.AgentConfig> {
    return this.get<wire.AgentConfig>('/api/opamp/config', { instance }, signal);
  }

  /** Sends a configuration to one collector, or to all without `instance`; returns those it went to. */
  async putAgentConfig(config: string, instance: string | undefined): Promise<readonly string[]> {
    const accepted = await this.request<wire.ConfigAccepted>('/api/opamp/config', {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(instance === undefined ? { config } : { config, instance }),
    });
    return accepted.instances;
  }

  private get<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
    return this.request<T>(withQuery(path, query), { signal });
  }

  private async request<T>(url: string, init: RequestInit): Promise<T> {
    let response: Response;
    try {
      response = await this.send(url, { cache: 'no-store', ...init });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, 'The server does not answer. Is TinyOlly still running?');
    }
    if (!response.ok) throw await toApiError(response);
    try {
      // Web interface and backend are released together; from-wire.ts is where the shapes are used.
      return (await response.json()) as T;
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(response.status, `${url} did not answer with JSON. Check BACKEND_URL.`);
    }
  }
}

async function toApiError(response: Response): Promise<ApiError> {
  const fallback = `The server answered ${response.status} ${response.statusText}`.trim();
  try {
    // The body is read as partial because a proxy may have answered instead of the backend.
    const body = (await response.json()) as Partial<wire.ErrorBody> | null;
    return new ApiError(response.status, body?.error?.message ?? fallback);
  } catch {
    return new ApiError(response.status, fallback);
  }
}
