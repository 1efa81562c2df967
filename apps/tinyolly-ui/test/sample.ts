import type * as wire from '../src/wire';

/** A shop's telemetry around `nowMs`, as the backend would send it; the same time gives the same sample. */
export interface Sample {
  readonly addresses: wire.Addresses;
  readonly stats: wire.Stats;
  readonly services: readonly wire.Service[];
  readonly traces: readonly wire.Trace[];
  readonly logs: readonly wire.LogRecord[];
  readonly metrics: readonly wire.MetricSeries[];
  readonly map: wire.ServiceMap;
  readonly agents: readonly wire.Agent[];
}

export const runningConfig = `receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
processors:
  batch: {}
exporters:
  otlp:
    endpoint: tinyolly-otlp-receiver:4343
    tls:
      insecure: true
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp]
`;

export function sampleAt(nowMs: number): Sample {
  const traces = Array.from({ length: 40 }, (_, index) => trace(index, nowMs - 900 - index * 2730));
  const logs = traces
    .slice(0, 25)
    .flatMap(logsOf)
    .sort((a, b) => (a.timeUnixNano < b.timeUnixNano ? 1 : -1));
  return {
    addresses: {
      otlp: 'http://tinyolly-otlp-receiver.tinyolly.svc.cluster.local:4343',
      opamp: 'ws://tinyolly-opamp-server.tinyolly.svc.cluster.local:4320/v1/opamp',
    },
    stats: { traces: 1284, spans: 10_412, logs: 5230, metrics: 9, droppedSeries: 0 },
    services: [
      service('storefront', 4120, 61, 48.2, 412, nowMs - 900),
      service('checkout', 2088, 174, 121, 986, nowMs - 1400),
      service('payments', 1044, 0, 62, 180, nowMs - 2000),
      service('inventory', 2104, 3, 7.4, 31, nowMs - 900),
      service('mailer', 1056, 0, 3.1, 9.8, nowMs - 95_000),
      service('nightly-report', 4, 0, 90, 140, nowMs - 1_500_000),
    ],
    traces,
    logs,
    metrics: metricsAt(nowMs),
    map: {
      nodes: [
        { id: 'storefront', type: 'service' },
        { id: 'checkout', type: 'service' },
        { id: 'payments', type: 'service' },
        { id: 'inventory', type: 'service' },
        { id: 'mailer', type: 'service' },
        { id: 'postgresql', type: 'database' },
        { id: 'redis', type: 'database' },
        { id: 'orders', type: 'messaging' },
        { id: 'smtp.example', type: 'service' },
      ],
      edges: [
        edge('storefront', 'checkout', 2088, 174, 986),
        edge('storefront', 'inventory', 1020, 0, 31),
        edge('storefront', 'redis', 8200, 0, 1.2),
        edge('checkout', 'payments', 1044, 0, 180),
        edge('checkout', 'inventory', 1084, 3, 29),
        edge('checkout', 'orders', 117, 8, 4),
        edge('orders', 'mailer', 914, 0, 9.8),
        edge('mailer', 'smtp.example', 90, 31, 880),
        edge('inventory', 'postgresql', 2104, 0, 11),
        edge('payments', 'postgresql', 1044, 0, 17),
      ],
    },
    agents: [
      agent('018f3c2e-7a41-7c1d-9b52-3fd1a9c0e411', true, 'APPLIED', '', nowMs - 2100),
      agent(
        '018f3c2e-9d02-7b8e-8a0c-77c2d4e6b302',
        true,
        'FAILED',
        "unknown exporter 'otlpx'",
        nowMs - 4000,
      ),
      {
        ...agent('018f3c2f-0b7f-70aa-b1de-25a6f0c9d8e1', true, 'UNSET', '', nowMs - 9000),
        healthy: null,
        acceptsRemoteConfig: false,
      },
    ],
  };
}

function trace(index: number, startMs: number): wire.Trace {
  const traceId = hex(index + 1, 32);
  const failed = index % 5 === 2;
  const slow = 1 + ((index * 7) % 11) / 4;
  const spans: wire.Span[] = [];
  const add = (
    parent: number | undefined,
    service: string,
    name: string,
    kind: wire.SpanKind,
    offsetMs: number,
    durationMs: number,
    extra: Partial<wire.Span> = {},
  ): number => {
    spans.push({
      traceId,
      spanId: hex(index * 100 + spans.length + 1, 16),
      parentSpanId: parent === undefined ? '' : (spans[parent]?.spanId ?? ''),
      name,
      kind,
      startTimeUnixNano: nanos(startMs + offsetMs * slow),
      endTimeUnixNano: nanos(startMs + (offsetMs + durationMs) * slow),
      durationNs: durationMs * slow * 1e6,
      status: { code: 'UNSET', message: '' },
      service,
      attributes: { 'thread.id': 14 + index },
      resource: {
        'service.name': service,
        'service.version': '2.4.1',
        'k8s.pod.name': `${service}-7d9c5b6f4-x2x8q`,
        'telemetry.sdk.language': 'python',
      },
      scope: { name: 'opentelemetry.instrumentation.fastapi', version: '0.60b1' },
      events: [],
      links: [],
      ...extra,
    });
    return spans.length - 1;
  };

  const root = add(undefined, 'storefront', 'POST /order', 'SERVER', 0, 184, {
    attributes: {
      'http.request.method': 'POST',
      'http.route': '/order',
      'http.response.status_code': failed ? 502 : 200,
      'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64)',
      'order.items': ['keyboard', 'usb-c cable'],
    },
    status: { code: failed ? 'ERROR' : 'OK', message: '' },
  });
  add(root, 'storefront', 'GET session', 'CLIENT', 2, 1.1, {
    attributes: { 'db.system.name': 'redis', 'db.operation.name': 'GET' },
  });
  const checkout = add(root, 'checkout', 'POST /checkout', 'SERVER', 8, 168);
  const stock = add(checkout, 'inventory', 'GET /stock/{sku}', 'SERVER', 14, 22);
  add(stock, 'inventory', 'SELECT stock', 'CLIENT', 17, 12, {
    attributes: {
      'db.system.name': 'postgresql',
      'db.query.text': 'SELECT sku, available FROM stock WHERE sku = ANY($1)',
    },
  });
  const pay = add(checkout, 'payments', 'POST /charge', 'SERVER', 44, 96, {
    status: { code: failed ? 'ERROR' : 'UNSET', message: failed ? 'card issuer timed out' : '' },
    events: failed
      ? [
          {
            timeUnixNano: nanos(startMs + 138 * slow),
            name: 'exception',
            attributes: {
              'exception.type': 'IssuerTimeout',
              'exception.message': 'card issuer timed out after 90 ms',
            },
          },
        ]
      : [],
  });
  add(pay, 'payments', 'INSERT charge', 'CLIENT', 50, 16);
  const publish = add(checkout, 'checkout', 'orders publish', 'PRODUCER', 150, 3.5);
  add(publish, 'mailer', 'orders process', 'CONSUMER', 158, 9.4);
  return { traceId, spans };
}

function logsOf({ traceId, spans }: wire.Trace): wire.LogRecord[] {
  const entries = [
    { at: 0, severity: 9, text: 'INFO', body: 'order received: 2 items, 84.90 EUR' },
    { at: 3, severity: 5, text: 'DEBUG', body: 'stock reserved for keyboard, usb-c cable' },
    { at: 5, severity: 9, text: 'INFO', body: { event: 'charge', amount: 84.9, currency: 'EUR' } },
  ];
  const failed = spans[5]?.status.code === 'ERROR';
  const last = failed
    ? { at: 5, severity: 17, text: 'ERROR', body: 'card issuer timed out after 90 ms; giving up' }
    : { at: 8, severity: 13, text: 'WARN', body: 'mail queue is slow: 2.1 s behind' };
  return [...entries, last].flatMap(({ at, severity, text, body }, index) => {
    const span = spans[at];
    if (!span) return [];
    return {
      id: `${traceId}-${index}`,
      timeUnixNano: String(BigInt(span.startTimeUnixNano) + 800_000n),
      severityNumber: severity,
      severityText: text,
      body,
      service: span.service,
      traceId,
      spanId: span.spanId,
      attributes: { 'code.function.name': 'handle_order', 'log.logger': span.service },
      resource: span.resource,
    };
  });
}

function metricsAt(nowMs: number): wire.MetricSeries[] {
  const times = Array.from({ length: 61 }, (_, index) => nowMs - (60 - index) * 10_000);
  const numbers = (
    service: string,
    attributes: wire.JsonObject,
    value: (i: number) => number,
  ): wire.Series => ({
    service,
    attributes,
    points: times.map((time, i) => ({ timeUnixNano: nanos(time), value: value(i) })),
  });
  /** The part of a series that an instance sent, from and to parts of the window. */
  const during = (series: wire.Series, from: number, to: number): wire.Series => ({
    ...series,
    points: series.points.slice(from * 61, to * 61),
  });
  const base = { temporality: '', monotonic: false, description: '' } as const;
  const bounds = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000];
  const latencies = (service: string, shape: readonly number[]): wire.Series => ({
    service,
    attributes: { 'http.request.method': 'POST' },
    points: times.map((time, i) => {
      const bucketCounts = shape.map((weight) => weight * (i + 1));
      const count = bucketCounts.reduce((sum, bucket) => sum + bucket, 0);
      return { timeUnixNano: nanos(time), count, sum: count * 96, bounds, bucketCounts };
    }),
  });
  return [
    {
      ...base,
      name: 'http.server.request.duration',
      type: 'histogram',
      unit: 'ms',
      description: 'Duration of HTTP server requests.',
      temporality: 'CUMULATIVE',
      series: [
        latencies('storefront', [0, 2, 9, 31, 44, 38, 21, 8, 3, 1, 0]),
        latencies('checkout', [0, 0, 1, 4, 12, 26, 41, 19, 7, 2, 1]),
        during(latencies('checkout', [0, 1, 4, 12, 26, 41, 19, 7, 2, 1, 0]), 0, 0.6),
        during(latencies('mailer', [9, 31, 44, 8, 3, 1, 0, 0, 0, 0, 0]), 0.1, 0.7),
      ],
    },
    {
      ...base,
      name: 'http.server.requests',
      type: 'sum',
      unit: '{request}',
      description: 'Requests served since the start.',
      temporality: 'CUMULATIVE',
      monotonic: true,
      series: [
        numbers('storefront', { route: '/order' }, (i) => 400 + i * 38 + 60 * Math.sin(i / 4)),
        numbers('storefront', { route: '/' }, (i) => 900 + i * 61 + 80 * Math.cos(i / 6)),
        // Two pods that were rolled out anew, one after the other.
        during(
          numbers('checkout', { route: '/checkout' }, (i) => 220 + i * 24 + 30 * Math.sin(i / 3)),
          0,
          0.4,
        ),
        during(
          numbers('checkout', { route: '/checkout' }, (i) => (i - 23) * 21),
          0.38,
          0.75,
        ),
        during(
          numbers('checkout', { route: '/checkout' }, (i) => (i - 43) * 27),
          0.72,
          1,
        ),
        during(
          numbers('checkout', { route: '/cancel' }, (i) => i * 2),
          0,
          0.4,
        ),
      ],
    },
    {
      ...base,
      name: 'process.memory.usage',
      type: 'gauge',
      unit: 'By',
      description: 'Physical memory in use.',
      series: ['storefront', 'checkout', 'payments', 'inventory']
        .map((name, k) =>
          numbers(
            name,
            {},
            (i) => (90 + k * 34 + 9 * Math.sin(i / (5 + k)) + i * 0.2) * 1024 * 1024,
          ),
        )
        .flatMap((one, k) =>
          k === 1
            ? [during(one, 0, 0.4), during(one, 0.45, 1)]
            : k === 2
              ? [
                  one,
                  during(
                    numbers('payments', {}, () => 60 * 1024 * 1024),
                    0.3,
                    1,
                  ),
                ]
              : [one],
        ),
    },
    {
      ...base,
      name: 'queue.depth',
      type: 'gauge',
      unit: '{message}',
      series: [numbers('mailer', { queue: 'orders' }, (i) => Math.round(6 + 6 * Math.sin(i / 5)))],
    },
    {
      ...base,
      name: 'rpc.client.duration',
      type: 'summary',
      unit: 'ms',
      series: [
        {
          service: 'payments',
          attributes: {},
          points: [
            {
              timeUnixNano: nanos(nowMs),
              count: 1044,
              sum: 64_000,
              quantiles: [
                { quantile: 0.5, value: 58 },
                { quantile: 0.99, value: 172 },
              ],
            },
          ],
        },
      ],
    },
  ];
}

function service(
  name: string,
  spanCount: number,
  errorCount: number,
  p50Ms: number,
  p95Ms: number,
  lastSeenMs: number,
): wire.Service {
  return {
    name,
    spanCount,
    errorCount,
    p50DurationNs: p50Ms * 1e6,
    p95DurationNs: p95Ms * 1e6,
    lastSeenUnixNano: nanos(lastSeenMs),
  };
}

function edge(
  source: string,
  target: string,
  count: number,
  errorCount: number,
  p95Ms: number,
): wire.MapEdge {
  return { source, target, count, errorCount, p95DurationNs: p95Ms * 1e6 };
}

function agent(
  instanceUid: string,
  connected: boolean,
  status: wire.RemoteConfigStatus,
  error: string,
  lastSeenMs: number,
): wire.Agent {
  return {
    instanceUid,
    type: 'otelcol-contrib',
    version: '0.145.0',
    connected,
    connection: connected ? 'connected' : 'disconnected',
    healthy: status !== 'FAILED',
    lastSeenUnixNano: nanos(lastSeenMs),
    acceptsRemoteConfig: true,
    wanted: status === 'UNSET' ? null : { status, error, hash: 'f00d' },
    remoteConfig: { status: 'UNSET', error: '', hash: '' },
  };
}

function nanos(millis: number): string {
  return String(BigInt(Math.round(millis * 1000)) * 1000n);
}

function hex(value: number, digits: number): string {
  return (Math.imul(value, 0x9e3779b1) >>> 0)
    .toString(16)
    .padStart(8, '0')
    .repeat(digits / 8);
}
