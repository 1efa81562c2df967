import { expect, it } from 'vitest';
import {
  toAttributes,
  toLogs,
  toMetricSeries,
  toServices,
  toTrace,
  toTraces,
} from '../src/from-wire';
import type * as wire from '../src/wire';
import { sampleAt } from './sample';

const nanos = '1768478602123456789';

it('sorts attributes and keeps strings as they are, everything else as JSON', () => {
  expect(toAttributes({ z: 'text', a: 200, m: ['x', 1], n: null, b: { deep: true } })).toEqual([
    { key: 'a', value: '200' },
    { key: 'b', value: '{"deep":true}' },
    { key: 'm', value: '["x",1]' },
    { key: 'n', value: 'null' },
    { key: 'z', value: 'text' },
  ]);
});

it('reads span times as bigint and an empty parent as none', () => {
  const [sent] = sampleAt(1_768_478_602_123).traces;
  if (!sent) throw new Error('the sample has traces');
  const [root, child] = toTrace(sent).spans;
  expect(root?.parentSpanId).toBeUndefined();
  expect(child?.parentSpanId).toBe(root?.spanId);
  expect(root?.start).toBe(BigInt(sent.spans[0]?.startTimeUnixNano ?? 0));
  expect(root?.scope).toBe('opentelemetry.instrumentation.fastapi 0.60b1');
});

it('reads cursors', () => {
  expect(toTraces({ traces: [], nextBefore: null }).nextBefore).toBeUndefined();
  expect(toLogs({ logs: [], nextBefore: nanos }).nextBefore).toBe(nanos);
});

it.each<[number, string, string, string]>([
  [9, 'Information', 'info', 'INFORMATION'],
  [17, '', 'error', 'ERROR'],
  [24, '', 'fatal', 'FATAL'],
  [0, '', 'unset', 'UNSET'],
])(
  'reads severity %d %j as level %s, shown as %s',
  (severityNumber, severityText, level, severity) => {
    const sent: wire.LogRecord = {
      id: '1',
      timeUnixNano: nanos,
      severityNumber,
      severityText,
      body: { event: 'x' },
      service: 'mailer',
      traceId: '',
      spanId: '',
      attributes: {},
      resource: {},
    };
    const [log] = toLogs({ logs: [sent], nextBefore: null }).items;
    expect(log).toMatchObject({ level, severity, body: '{"event":"x"}', traceId: undefined });
  },
);

it('has an error rate of zero without spans', () => {
  const service = { name: 'a', p50DurationNs: 1, p95DurationNs: 2, lastSeenUnixNano: nanos };
  const [idle, busy] = toServices({
    services: [
      { ...service, spanCount: 0, errorCount: 0 },
      { ...service, spanCount: 8, errorCount: 2 },
    ],
  });
  expect([idle?.errorRate, busy?.errorRate]).toEqual([0, 0.25]);
});

it('tells numbers from distributions, leaves out points without a value and names the series', () => {
  const { series } = toMetricSeries({
    name: 'm',
    type: 'histogram',
    unit: '',
    description: '',
    temporality: 'DELTA',
    monotonic: false,
    series: [
      {
        service: 'web',
        attributes: { route: '/', code: 200 },
        points: [
          { timeUnixNano: nanos, value: 3 },
          { timeUnixNano: nanos },
          { timeUnixNano: nanos, count: 2, quantiles: [{ quantile: 0.5 }] },
        ],
      },
    ],
  });
  expect(series[0]?.label).toBe('web · code=200 · route=/');
  expect(series[0]?.numbers).toEqual([{ timeMs: 1_768_478_602_123, value: 3 }]);
  expect(series[0]?.distributions[0]).toMatchObject({
    count: 2,
    sum: undefined,
    bounds: [],
    quantiles: [{ quantile: 0.5, value: undefined }],
  });
});
