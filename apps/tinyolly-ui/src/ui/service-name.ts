import { h, type VElement } from '../dom';
import { colourOf } from '../palette';

/** A service with the colour that it has everywhere. */
export function serviceName(service: string): VElement {
  return h(
    'span',
    { class: 'service' },
    h('span', { class: `dot colour-${colourOf(service)}`, 'aria-hidden': 'true' }),
    service,
  );
}
