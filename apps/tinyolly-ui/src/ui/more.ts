import { h, type VElement } from '../dom';
import { maxRows } from '../paging';

export interface More {
  readonly rows: number;
  readonly onMore: () => void;
  /** Where a list goes on that is already as long as it can get. */
  readonly older: { readonly href: string; readonly label: string };
}

/** The end of a list that has more: a longer list first, then the part that follows. */
export function more({ rows, onMore, older }: More): VElement {
  return rows < maxRows
    ? h('button', { type: 'button', class: 'more', on: { click: onMore } }, 'Show more')
    : h('a', { class: 'more', href: older.href }, older.label);
}
