import { h, type VElement } from '../dom';
import type { Service } from '../model';
import { formatCount, formatShare } from '../numbers';
import type { Page, PageContext } from '../page';
import { giveColours } from '../palette';
import { formatRoute, routes, type ServicesRoute, type ServiceSort } from '../router';
import { sortServices } from '../service-table';
import { formatAge, formatDateTime, formatDuration, fromMillis } from '../time';
import { waitingFor } from '../ui/notices';
import { serviceName } from '../ui/service-name';

const columns: readonly { readonly sort: ServiceSort; readonly title: string }[] = [
  { sort: 'name', title: 'Service' },
  { sort: 'spans', title: 'Spans' },
  { sort: 'errors', title: 'Error rate' },
  { sort: 'p50', title: 'Median' },
  { sort: 'p95', title: '95th percentile' },
  { sort: 'seen', title: 'Last seen' },
];

export function servicesPage(context: PageContext): Page<ServicesRoute> {
  let services: readonly Service[] | undefined;

  return (route) => ({
    title: 'Services',
    async load(signal) {
      services = await context.api.services(signal);
      giveColours(services.map((service) => service.name));
    },
    render() {
      if (!services) return undefined;
      return h(
        'div',
        { class: 'page', key: 'services' },
        services.length === 0
          ? waitingFor('traces', context.addresses())
          : [
              table(services, route.sort),
              h(
                'p',
                { class: 'faint', key: 'scope' },
                'These have sent spans. Databases, queues and services that only the calls of others name are on the ',
                h('a', { href: formatRoute(routes.map()) }, 'map'),
                '.',
              ),
            ],
      );
    },
  });
}

function table(services: readonly Service[], sort: ServiceSort): VElement {
  const now = fromMillis(Date.now());
  return h(
    'div',
    { class: 'table-scroll' },
    h(
      'table',
      { class: 'rows', 'aria-label': 'Services: rate, errors and duration' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((column) => heading(column.sort, column.title, sort)),
          h('th', { scope: 'col' }, 'Show'),
        ),
      ),
      h(
        'tbody',
        {},
        sortServices(services, sort).map((service) => row(service, now)),
      ),
    ),
  );
}

function heading(column: ServiceSort, title: string, sort: ServiceSort): VElement {
  const direction = column === 'name' ? 'ascending' : 'descending';
  return h(
    'th',
    {
      scope: 'col',
      class: column === 'name' ? undefined : 'number',
      'aria-sort': column === sort ? direction : undefined,
    },
    h('a', { href: formatRoute(routes.services(column)) }, title),
  );
}

function row(service: Service, now: bigint): VElement {
  return h(
    'tr',
    { key: service.name },
    h('td', { class: 'grow strong' }, serviceName(service.name)),
    h('td', { class: 'number' }, formatCount(service.spanCount)),
    h(
      'td',
      { class: 'number' },
      h('div', { class: 'meter', style: { '--share': String(service.errorRate) } }),
      h(
        'span',
        { class: service.errorCount > 0 ? 'bad-text' : 'faint' },
        formatShare(service.errorRate),
      ),
    ),
    h('td', { class: 'number' }, formatDuration(service.p50Ns)),
    h('td', { class: 'number' }, formatDuration(service.p95Ns)),
    h(
      'td',
      { class: 'number faint', title: formatDateTime(service.lastSeen) },
      formatAge(service.lastSeen, now),
    ),
    h(
      'td',
      { class: 'links' },
      link('Traces', service.name, formatRoute(routes.traces({ service: service.name }))),
      link('Logs', service.name, formatRoute(routes.logs({ service: service.name }))),
      link('Metrics', service.name, formatRoute(routes.metrics({ q: service.name }))),
    ),
  );
}

function link(label: string, service: string, href: string): VElement {
  return h('a', { href, 'aria-label': `${label} of ${service}` }, label);
}
