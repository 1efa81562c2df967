import { expect, it } from 'vitest';
import type { Service } from '../src/model';
import type { ServiceSort } from '../src/router';
import { sortServices } from '../src/service-table';

function service(name: string, value: number): Service {
  return {
    name,
    spanCount: value,
    errorCount: 0,
    errorRate: value,
    p50Ns: value,
    p95Ns: value,
    lastSeen: BigInt(value),
  };
}

const services = [service('b', 2), service('c', 1), service('a', 2)];

it('sorts names from A to Z', () => {
  expect(sortServices(services, 'name').map(({ name }) => name)).toEqual(['a', 'b', 'c']);
});

it.each<ServiceSort>(['spans', 'errors', 'p50', 'p95', 'seen'])(
  'sorts %s with the largest first, equal ones by name',
  (sort) => {
    const sorted = sortServices([service('z', 9), ...services], sort);
    expect(sorted.map(({ name }) => name)).toEqual(['z', 'a', 'b', 'c']);
  },
);
