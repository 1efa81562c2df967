import { pointerPosition } from '../chart';
import { h, type VElement } from '../dom';

export interface Splitter {
  readonly label: string;
  /** Width of the part that it gives and takes, in per cent of the whole. */
  readonly width: number;
  readonly least: number;
  readonly most: number;
  readonly standard: number;
  /** At which end that part is. */
  readonly part: 'left' | 'right';
  readonly onResize: (width: number) => void;
}

const step = 2;

/** A line that is dragged, or moved by the arrow keys; a double click puts it back. Its parent is the whole. */
export function splitter(args: Splitter): VElement {
  const { label, width, least, most, standard, part, onResize } = args;
  const resize = (wanted: number): void => {
    onResize(Math.round(Math.min(Math.max(wanted, least), most) * 10) / 10);
  };
  const onKey = (event: KeyboardEvent): void => {
    const right = part === 'left' ? step : -step;
    const wanted = new Map([
      ['ArrowRight', width + right],
      ['ArrowLeft', width - right],
      ['Home', least],
      ['End', most],
    ]).get(event.key);
    if (wanted === undefined) return;
    event.preventDefault();
    resize(wanted);
  };
  return h('div', {
    class: `splitter splitter-${part}`,
    key: label,
    role: 'separator',
    tabindex: 0,
    'aria-orientation': 'vertical',
    'aria-label': label,
    'aria-valuenow': Math.round(width),
    'aria-valuemin': least,
    'aria-valuemax': most,
    title: 'Drag, or use the arrow keys; a double click puts it back',
    on: {
      keydown: onKey,
      dblclick: () => {
        resize(standard);
      },
      pointerdown: (event) => {
        if (event.currentTarget instanceof Element) {
          event.currentTarget.setPointerCapture(event.pointerId);
        }
      },
      pointermove: (event) => {
        const line = event.currentTarget;
        if (!(line instanceof Element) || !line.hasPointerCapture(event.pointerId)) return;
        const whole = line.parentElement?.getBoundingClientRect();
        if (!whole) return;
        const place = pointerPosition(event.clientX, whole) * 100;
        resize(part === 'left' ? place : 100 - place);
      },
    },
  });
}
