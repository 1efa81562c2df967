import type * as model from './model';
import { severityLevel } from './severity';
import { parseNanos, toMillis } from './time';
import type * as wire from './wire';

export function toTraces(sent: wire.Traces): model.Slice<model.TraceSummary> {
  return {
    items: sent.traces.map(({ startTimeUnixNano, ...rest }) => ({
      ...rest,
      start: parseNanos(startTimeUnixNano),
    })),
    nextBefore: sent.nextBefore ?? undefined,
  };
}

export function toTrace(sent: wire.Trace): model.Trace {
  return { traceId: sent.traceId, spans: sent.spans.map(toSpan) };
}

export function toLogs(sent: wire.Logs): model.Slice<model.LogRecord> {
  return { items: sent.logs.map(toLog), nextBefore: sent.nextBefore ?? undefined };
}

export function toServices(sent: wire.Services): model.Service[] {
  return sent.services.map((service) => ({
    name: service.name,
    spanCount: service.spanCount,
    errorCount: service.errorCount,
    errorRate: service.spanCount === 0 ? 0 : service.errorCount / service.spanCount,
    p50Ns: service.p50DurationNs,
    p95Ns: service.p95DurationNs,
    lastSeen: parseNanos(service.lastSeenUnixNano),
  }));
}

export function toMetricSeries(sent: wire.MetricSeries): model.MetricSeries {
  return { ...sent, series: sent.series.map(toSeries) };
}

export function toServiceMap(sent: wire.ServiceMap): model.ServiceMap {
  return {
    nodes: sent.nodes,
    edges: sent.edges.map(({ p95DurationNs, ...rest }) => ({ ...rest, p95Ns: p95DurationNs })),
  };
}

export function toAgents(sent: wire.OpampStatus): model.Agent[] {
  return sent.agents.map((agent) => ({
    instance: agent.instanceUid,
    type: agent.type,
    version: agent.version,
    connected: agent.connected,
    silent: agent.connection === 'silent',
    healthy: agent.healthy ?? undefined,
    lastSeen: parseNanos(agent.lastSeenUnixNano),
    acceptsConfig: agent.acceptsRemoteConfig,
    configStatus: (agent.wanted ?? agent.remoteConfig).status,
    configError: (agent.wanted ?? agent.remoteConfig).error,
  }));
}

/** Attributes in the order of their keys, values as text: strings as they are, everything else as JSON. */
export function toAttributes(sent: wire.JsonObject): model.Attribute[] {
  return Object.entries(sent)
    .map(([key, value]) => ({ key, value: toText(value) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

function toText(value: wire.Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function toSpan(sent: wire.Span): model.Span {
  return {
    spanId: sent.spanId,
    parentSpanId: orUndefined(sent.parentSpanId),
    name: sent.name,
    kind: sent.kind,
    start: parseNanos(sent.startTimeUnixNano),
    end: parseNanos(sent.endTimeUnixNano),
    durationNs: sent.durationNs,
    failed: sent.status.code === 'ERROR',
    statusMessage: sent.status.message,
    service: sent.service,
    scope: [sent.scope.name, sent.scope.version].filter((part) => part !== '').join(' '),
    attributes: toAttributes(sent.attributes),
    resource: toAttributes(sent.resource),
    events: sent.events.map((event) => ({
      time: parseNanos(event.timeUnixNano),
      name: event.name,
      attributes: toAttributes(event.attributes),
    })),
    links: sent.links.map((link) => ({ ...link, attributes: toAttributes(link.attributes) })),
  };
}

function toLog(sent: wire.LogRecord): model.LogRecord {
  const level = severityLevel(sent.severityNumber);
  return {
    id: sent.id,
    time: parseNanos(sent.timeUnixNano),
    level,
    severity: orUndefined(sent.severityText)?.toUpperCase() ?? level.toUpperCase(),
    body: toText(sent.body),
    service: sent.service,
    traceId: orUndefined(sent.traceId),
    spanId: orUndefined(sent.spanId),
    attributes: toAttributes(sent.attributes),
    resource: toAttributes(sent.resource),
  };
}

function toSeries(sent: wire.Series): model.Series {
  const labels = toAttributes(sent.attributes).map(({ key, value }) => `${key}=${value}`);
  const numbers: model.NumberPoint[] = [];
  const distributions: model.Distribution[] = [];
  for (const point of sent.points) {
    const timeMs = toMillis(parseNanos(point.timeUnixNano));
    if (!('count' in point)) {
      if (point.value !== undefined) numbers.push({ timeMs, value: point.value });
    } else {
      distributions.push({
        timeMs,
        count: point.count,
        sum: point.sum,
        min: point.min,
        max: point.max,
        bounds: point.bounds ?? [],
        bucketCounts: point.bucketCounts ?? [],
        quantiles: (point.quantiles ?? []).map(({ quantile, value }) => ({ quantile, value })),
      });
    }
  }
  return { label: [sent.service, ...labels].join(' · '), numbers, distributions };
}

function orUndefined(text: string): string | undefined {
  return text === '' ? undefined : text;
}
