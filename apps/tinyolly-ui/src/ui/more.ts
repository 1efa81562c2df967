import { h, type VElement } from '../dom';

export interface More {
  /** Makes the list longer; undefined where it is as long as it can get. */
  readonly onMore: (() => void) | undefined;
  /** Where the list goes on then. */
  readonly older: { readonly href: string; readonly label: string };
}

/** The end of a list that has more: a longer list first, then the part that follows. */
export function more({ onMore, older }: More): VElement {
  return onMore
    ? h('button', { type: 'button', class: 'more', on: { click: onMore } }, 'Show more')
    : h('a', { class: 'more', href: older.href }, older.label);
}
