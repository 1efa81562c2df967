import { h, type VElement } from '../dom';
import type { Attribute } from '../model';
import { formatRoute, routes } from '../router';
import { icon } from './icons';

const longestSought = 200;

/** Names and values as a titled list, each with a link to the traces that have it as well; undefined when there are none. */
export function attributeList(
  title: string,
  attributes: readonly Attribute[],
  linked = false,
): VElement | undefined {
  if (attributes.length === 0) return undefined;
  return h(
    'section',
    { class: 'attributes', key: title },
    h('h3', {}, title),
    h(
      'dl',
      {},
      attributes.flatMap(({ key, value }) => [
        h('dt', { key: `${key} name` }, key),
        h('dd', { key }, value, linked && value.length <= longestSought && findLink(key, value)),
      ]),
    ),
  );
}

function findLink(key: string, value: string): VElement {
  const attribute = `${key}=${value}`;
  return h(
    'a',
    {
      class: 'find',
      href: formatRoute(routes.traces({ attributes: [attribute] })),
      title: 'Traces with this',
      'aria-label': `Traces with ${attribute}`,
    },
    icon('search'),
  );
}
