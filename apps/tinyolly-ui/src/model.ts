/** What the pages show: times are bigint nanoseconds, absent values are undefined, attributes are sorted text. */
import type {
  Addresses,
  MetricType,
  RemoteConfigStatus,
  SpanKind,
  Stats,
  Temporality,
  WantedStatus,
} from './wire';

export type {
  Addresses,
  MetricType,
  RemoteConfigStatus,
  SpanKind,
  Stats,
  Temporality,
  WantedStatus,
};

export interface Attribute {
  readonly key: string;
  readonly value: string;
}

/** Part of a list, newest first; `nextBefore` is the cursor of the part that follows. */
export interface Slice<T> {
  readonly items: readonly T[];
  readonly nextBefore: string | undefined;
}

export interface Service {
  readonly name: string;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly errorRate: number;
  readonly p50Ns: number;
  readonly p95Ns: number;
  readonly lastSeen: bigint;
}

export interface TraceSummary {
  readonly traceId: string;
  readonly rootName: string;
  readonly rootService: string;
  readonly start: bigint;
  readonly durationNs: number;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
}

export interface SpanEvent {
  readonly time: bigint;
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: readonly Attribute[];
}

export interface Span {
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly start: bigint;
  readonly end: bigint;
  readonly durationNs: number;
  readonly failed: boolean;
  readonly statusMessage: string;
  readonly service: string;
  readonly scope: string;
  readonly attributes: readonly Attribute[];
  readonly resource: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
}

export interface Trace {
  readonly traceId: string;
  readonly spans: readonly Span[];
}

export type SeverityLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'unset';

export interface LogRecord {
  readonly id: string;
  readonly time: bigint;
  readonly level: SeverityLevel;
  readonly severity: string;
  readonly body: string;
  readonly service: string;
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  readonly attributes: readonly Attribute[];
  readonly resource: readonly Attribute[];
}

export interface Metric {
  readonly name: string;
  readonly type: MetricType;
  readonly unit: string;
  readonly description: string;
  readonly services: readonly string[];
  readonly seriesCount: number;
}

export interface NumberPoint {
  readonly timeMs: number;
  readonly value: number;
}

export interface Quantile {
  readonly quantile: number;
  readonly value: number | undefined;
}

export interface Distribution {
  readonly timeMs: number;
  readonly count: number;
  readonly sum: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly bounds: readonly number[];
  readonly bucketCounts: readonly number[];
  readonly quantiles: readonly Quantile[];
}

export interface Series {
  readonly label: string;
  readonly numbers: readonly NumberPoint[];
  readonly distributions: readonly Distribution[];
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
  readonly p95Ns: number;
}

export interface ServiceMap {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
}

export interface AgentConfig {
  readonly config: string;
  readonly effectiveConfig: string;
}

export interface Agent {
  readonly instance: string;
  readonly type: string;
  readonly version: string;
  readonly connected: boolean;
  /** Connected, but without its heartbeats. */
  readonly silent: boolean;
  /** Undefined until the collector tells. */
  readonly healthy: boolean | undefined;
  readonly lastSeen: bigint;
  readonly acceptsConfig: boolean;
  /** Of the configuration set here; what the collector reports where there is none. */
  readonly configStatus: RemoteConfigStatus | WantedStatus;
  readonly configError: string;
}
