import { h, type VElement } from '../dom';
import type { Attribute } from '../model';

/** Names and values as a titled list; undefined when there are none. */
export function attributeList(
  title: string,
  attributes: readonly Attribute[],
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
        h('dd', { key }, value),
      ]),
    ),
  );
}
