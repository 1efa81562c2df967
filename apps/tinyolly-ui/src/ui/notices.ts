import { type Children, h, type VElement } from '../dom';

/** Fills a place that has nothing to show: what is missing, and what to do about it. */
export function emptyState(title: string, ...hints: readonly Children[]): VElement {
  return h('div', { class: 'empty' }, h('h2', {}, title), ...hints.map((hint) => h('p', {}, hint)));
}

/** Empty state of a page that waits for telemetry. */
export function waitingFor(signal: string): VElement {
  return emptyState(
    `No ${signal} yet`,
    [
      `Send ${signal} as OTLP over gRPC to port `,
      h('code', {}, '4343'),
      ' of the TinyOlly receiver. With an OpenTelemetry SDK or collector, set',
    ],
    h('code', { class: 'block' }, 'OTEL_EXPORTER_OTLP_PROTOCOL=grpc'),
    h('code', { class: 'block' }, 'OTEL_EXPORTER_OTLP_ENDPOINT=http://<receiver>:4343'),
    'This page shows what arrives within five seconds.',
  );
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
