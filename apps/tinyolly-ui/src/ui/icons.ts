import { h, type VElement } from '../dom';

const shapes = {
  traces: 'M3 5h10M7 10h10M5 15h8',
  logs: 'M4 5h12M4 9h12M4 13h12M4 17h7',
  metrics: 'M3 16l4-6 4 3 6-9',
  services: 'M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z',
  map: 'M3.5 10a2 2 0 1 0 4 0a2 2 0 1 0-4 0M12.5 5a2 2 0 1 0 4 0a2 2 0 1 0-4 0M12.5 15a2 2 0 1 0 4 0a2 2 0 1 0-4 0M7.3 9l5.4-3M7.3 11l5.4 3',
  collectors: 'M4 4h12v5H4zM4 11h12v5H4zM7 6.5h.01M7 13.5h.01',
  search: 'M4 9a5 5 0 1 0 10 0a5 5 0 1 0-10 0M13 13l4 4',
  pause: 'M7 5v10M13 5v10',
  play: 'M7 5l8 5-8 5z',
  theme: 'M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14',
  chevron: 'M8 6l4 4-4 4',
  close: 'M5 5l10 10M15 5L5 15',
} as const;

export type IconName = keyof typeof shapes;

/** A line drawing for beside a text; hidden from screen readers. */
export function icon(name: IconName): VElement {
  return h(
    'svg',
    { class: `icon icon-${name}`, viewBox: '0 0 20 20', 'aria-hidden': 'true' },
    h('path', { d: shapes[name] }),
  );
}
