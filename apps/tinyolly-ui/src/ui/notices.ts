import { type Children, h, type VElement } from '../dom';
import type { Addresses } from '../model';

/** Fills a place that has nothing to show: what is missing, and what to do about it. */
export function emptyState(title: string, ...hints: readonly Children[]): VElement {
  return h(
    'div',
    { class: 'empty' },
    h('h2', {}, title),
    ...hints.map((hint) =>
      // A paragraph holds no block of lines.
      typeof hint === 'object' && 'tag' in hint && hint.tag === 'pre'
        ? hint
        : hint !== undefined && hint !== false && h('p', {}, hint),
    ),
  );
}

/** Empty state of a page that waits for telemetry. */
export function waitingFor(signal: string, { otlp }: Addresses): VElement {
  return emptyState(
    `No ${signal} yet`,
    otlp === undefined
      ? `Send ${signal} as OTLP over gRPC to port 4343 of TinyOlly’s receiver. For an OpenTelemetry SDK on the same machine, set`
      : `Send ${signal} as OTLP over gRPC. For an OpenTelemetry SDK in a pod of this cluster, set`,
    lines(
      'OTEL_EXPORTER_OTLP_PROTOCOL=grpc',
      `OTEL_EXPORTER_OTLP_ENDPOINT=${otlp ?? 'http://localhost:4343'}`,
    ),
    otlp !== undefined && [
      'Beside a platform that ',
      h('code', {}, 'make up'),
      ' started, the endpoint is ',
      h('code', {}, 'http://127.0.0.1:4317'),
      '.',
    ],
    'This page shows what arrives within five seconds.',
  );
}

/** Lines to copy. */
export function lines(...text: readonly string[]): VElement {
  return h('pre', { class: 'copied', tabindex: 0 }, text.join('\n'));
}

/** Empty state of a part of a filtered list, where the backend stopped before it had looked through all. */
export function nothingYet(what: string, older: string, onClear: () => void): VElement {
  return emptyState(
    `No ${what} match among the newest`,
    'What is older has not been searched yet.',
    h('a', { class: 'more', href: older }, `Search older ${what}`),
    h('button', { type: 'button', on: { click: onClear } }, 'Clear filters'),
  );
}

/** Empty state of a filtered list. */
export function nothingMatches(what: string, onClear: () => void): VElement {
  return emptyState(
    `No ${what} match these filters`,
    'They search everything that is stored, not just what was on the page.',
    h('button', { type: 'button', on: { click: onClear } }, 'Clear filters'),
  );
}
