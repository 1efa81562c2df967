/**
 * JSON as the backend sends it: times are Unix nanoseconds as decimal strings, durations are nanoseconds.
 * Numbers that JSON cannot hold (NaN, infinity) and numbers that were not measured are left out.
 */

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

export interface ErrorBody {
  readonly error: { readonly code: string; readonly message: string };
}

/** Where this TinyOlly is reached from inside the cluster; what is not known is left out. */
export interface Addresses {
  readonly otlp?: string;
  readonly opamp?: string;
  /** Of the chart's own Collector, where it runs one. */
  readonly collector?: string;
}

export interface Stats {
  readonly traces: number;
  readonly spans: number;
  readonly logs: number;
  readonly metrics: number;
  readonly droppedSeries: number;
}

export interface Service {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly p50DurationNs: number;
  readonly p95DurationNs: number;
  readonly lastSeenUnixNano: string;
}

export interface Services {
  readonly services: readonly Service[];
}

export interface TraceSummary {
  readonly traceId: string;
  readonly rootName: string;
  readonly rootService: string;
  readonly startTimeUnixNano: string;
  readonly durationNs: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
}

export interface Traces {
  readonly traces: readonly TraceSummary[];
  readonly nextBefore: string | null;
}

export type SpanKind = 'INTERNAL' | 'SERVER' | 'CLIENT' | 'PRODUCER' | 'CONSUMER' | 'UNSPECIFIED';
export type StatusCode = 'UNSET' | 'OK' | 'ERROR';

export interface SpanEvent {
  readonly timeUnixNano: string;
  readonly name: string;
  readonly attributes: JsonObject;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: JsonObject;
}

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly durationNs: number;
  readonly status: { readonly code: StatusCode; readonly message: string };
  readonly service: string;
  readonly attributes: JsonObject;
  readonly resource: JsonObject;
  readonly scope: { readonly name: string; readonly version: string };
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
}

export interface Trace {
  readonly traceId: string;
  readonly spans: readonly Span[];
}

export interface LogRecord {
  readonly id: string;
  readonly timeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: Json;
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: JsonObject;
  readonly resource: JsonObject;
}

export interface Logs {
  readonly logs: readonly LogRecord[];
  readonly nextBefore: string | null;
}

export type MetricType = 'gauge' | 'sum' | 'histogram' | 'exponentialHistogram' | 'summary';
export type Temporality = 'DELTA' | 'CUMULATIVE' | '';

export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: string;
  readonly description: string;
  readonly services: readonly string[];
  readonly seriesCount: number;
}

export interface Metrics {
  readonly metrics: readonly Metric[];
}

export interface Quantile {
  readonly quantile: number;
  readonly value?: number;
}

export interface NumberPoint {
  readonly timeUnixNano: string;
  readonly value?: number;
}

export interface DistributionPoint {
  readonly timeUnixNano: string;
  readonly count: number;
  readonly sum?: number;
  readonly min?: number;
  readonly max?: number;
  readonly bounds?: readonly number[];
  readonly bucketCounts?: readonly number[];
  readonly quantiles?: readonly Quantile[];
}

export interface Series {
  readonly service: string;
  readonly attributes: JsonObject;
  readonly points: readonly (NumberPoint | DistributionPoint)[];
}

export interface MetricSeries {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: string;
  readonly description: string;
  readonly temporality: Temporality;
  readonly monotonic: boolean;
  readonly series: readonly Series[];
}

export interface MapNode {
  readonly id: string;
  readonly type: 'service' | 'database' | 'messaging';
}

export interface MapEdge {
  readonly source: string;
  readonly target: string;
  readonly count: number;
  readonly errorCount: number;
  readonly p95DurationNs: number;
}

export interface ServiceMap {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

export type RemoteConfigStatus = 'UNSET' | 'APPLIED' | 'APPLYING' | 'FAILED';

/** What became of a configuration that was set here; the collector itself reports one of the above, of any configuration. */
export type WantedStatus = 'PENDING' | 'OFFERED' | 'APPLYING' | 'APPLIED' | 'FAILED';

export interface Agent {
  readonly instanceUid: string;
  readonly type: string;
  readonly version: string;
  readonly connected: boolean;
  readonly connection: 'connected' | 'silent' | 'disconnected';
  /** `null` until the collector tells. */
  readonly healthy: boolean | null;
  readonly lastSeenUnixNano: string;
  readonly acceptsRemoteConfig: boolean;
  /** `null` where no configuration was set here. */
  readonly wanted: {
    readonly status: WantedStatus;
    readonly error: string;
    readonly hash: string;
  } | null;
  readonly remoteConfig: {
    readonly status: RemoteConfigStatus;
    readonly error: string;
    readonly hash: string;
  };
}

export interface OpampStatus {
  readonly agents: readonly Agent[];
}

export interface AgentConfig {
  readonly instance: string;
  readonly config: string;
  readonly hash: string;
  readonly effectiveConfig: string;
}

export interface ConfigAccepted {
  readonly hash: string;
  readonly instances: readonly string[];
}
