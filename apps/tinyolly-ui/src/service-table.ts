import type { Service } from './model';
import type { ServiceSort } from './router';

const orders: Readonly<Record<ServiceSort, (a: Service, b: Service) => number>> = {
  name: (a, b) => a.name.localeCompare(b.name, 'en'),
  spans: (a, b) => b.spanCount - a.spanCount,
  errors: (a, b) => b.errorRate - a.errorRate,
  p50: (a, b) => b.p50Ns - a.p50Ns,
  p95: (a, b) => b.p95Ns - a.p95Ns,
  seen: (a, b) => (a.lastSeen === b.lastSeen ? 0 : a.lastSeen < b.lastSeen ? 1 : -1),
};

/** Names from A to Z, everything else with the largest first; equal ones by name. */
export function sortServices(services: readonly Service[], sort: ServiceSort): Service[] {
  return services.toSorted((a, b) => orders[sort](a, b) || orders.name(a, b));
}
