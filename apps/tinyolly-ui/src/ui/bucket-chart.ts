import { h, type VElement } from '../dom';
import { layoutHistogram } from '../histogram';
import type { Distribution } from '../model';
import { formatCount } from '../numbers';

/** The buckets of a distribution as bars. */
export function bucketChart(title: string, point: Distribution, unit: string): VElement {
  const { bars, from, to } = layoutHistogram(point, unit);
  return h(
    'figure',
    { class: 'histogram', key: 'buckets' },
    h('figcaption', {}, title),
    bars.length === 0
      ? h('p', { class: 'faint' }, 'Sent without buckets.')
      : h(
          'ul',
          { class: 'bars', 'aria-label': 'Buckets' },
          bars.map((bar) => {
            const text = `${bar.label}: ${formatCount(Math.round(bar.count))}`;
            return h(
              'li',
              { title: text, 'aria-label': text },
              h('div', { class: 'colour-0', style: { '--height': String(bar.height) } }),
            );
          }),
        ),
    bars.length > 0 &&
      h(
        'div',
        { class: 'bar-range faint', 'aria-hidden': 'true' },
        h('span', {}, from),
        h('span', {}, to),
      ),
  );
}
