import { h } from '../dom';
import type { Page } from '../page';
import { formatRoute, type NotFoundRoute, routes } from '../router';
import { emptyState } from '../ui/notices';

export function notFoundPage(): Page<NotFoundRoute> {
  return (route) => ({
    title: 'Not found',
    source: 'nothing',
    load: () => Promise.resolve(),
    render: () =>
      h(
        'div',
        { class: 'page', key: 'not found' },
        emptyState(
          'There is no such page',
          h('code', { class: 'block' }, route.path),
          h('a', { href: formatRoute(routes.traces()) }, 'Go to the traces'),
        ),
      ),
  });
}
