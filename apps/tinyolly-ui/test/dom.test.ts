// @vitest-environment happy-dom
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { h, mount } from '../src/dom';

let root: HTMLElement;
let render: ReturnType<typeof mount>;

beforeEach(() => {
  root = document.createElement('div');
  document.body.replaceChildren(root);
  render = mount(root);
});

function find(selector: string): HTMLElement {
  const found = root.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`${selector} is not on the page`);
  return found;
}

function list(...keys: readonly string[]) {
  return h(
    'ul',
    {},
    keys.map((key) => h('li', { key, id: key }, key)),
  );
}

describe('mount', () => {
  it('shows markup in text as text', () => {
    const attack = '<img src=x onerror=alert(1)>';
    render(h('p', { title: attack }, attack));
    expect(find('p').textContent).toBe(attack);
    expect(root.querySelector('img')).toBeNull();
  });

  it('leaves out false and undefined children', () => {
    render(h('p', {}, false, 'a', undefined, ['b', false]));
    expect(find('p').textContent).toBe('ab');
  });

  it('keeps keyed nodes when others come, go and move', () => {
    render(list('a', 'b', 'c'));
    const before = [find('#a'), find('#c')];
    render(list('new', 'c', 'a'));
    expect([find('#a'), find('#c')]).toEqual(before);
    expect(root.textContent).toBe('newca');
  });

  it('does not touch nodes that stay in place, so that focus and scroll survive', async () => {
    render(list('b', 'c'));
    const touched: MutationRecord[] = [];
    const observer = new MutationObserver((records) => touched.push(...records));
    observer.observe(find('ul'), { childList: true, subtree: true, characterData: true });
    render(list('a', 'b', 'c'));
    await vi.waitFor(() => {
      expect(touched.length).toBeGreaterThan(0);
    });
    observer.disconnect();
    expect(touched.flatMap((record) => [...record.removedNodes])).toEqual([]);
    expect(touched.flatMap((record) => [...record.addedNodes])).toEqual([find('#a')]);
  });

  it('updates text, attributes and custom properties, and removes old ones', () => {
    render(
      h('p', { class: 'x', hidden: true, title: 't', style: { '--a': '1', '--b': '2' } }, 'one'),
    );
    const paragraph = find('p');
    render(h('p', { class: 'y', hidden: false, style: { '--b': '3' } }, 'two'));
    expect(find('p')).toBe(paragraph);
    expect(paragraph.className).toBe('y');
    expect(paragraph.hasAttribute('hidden')).toBe(false);
    expect(paragraph.hasAttribute('title')).toBe(false);
    expect(paragraph.style.getPropertyValue('--a')).toBe('');
    expect(paragraph.style.getPropertyValue('--b')).toBe('3');
    expect(paragraph.textContent).toBe('two');
  });

  it('calls the latest listener only, once', () => {
    const first = vi.fn();
    const second = vi.fn();
    render(h('button', { on: { click: first } }));
    render(h('button', { on: { click: second } }));
    find('button').click();
    expect(first).not.toHaveBeenCalled();
    expect(second).toHaveBeenCalledTimes(1);
    render(h('button', {}));
    find('button').click();
    expect(second).toHaveBeenCalledTimes(1);
  });

  it('tells the browser of a listener once, however often it is drawn, and of its end', () => {
    render(h('button', { on: { click: vi.fn() } }));
    const button = find('button');
    const added = vi.spyOn(button, 'addEventListener');
    const removed = vi.spyOn(button, 'removeEventListener');
    render(h('button', { on: { click: vi.fn() } }));
    render(h('button', { on: { click: vi.fn() } }));
    expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([0, 0]);
    render(h('button', { on: { focus: vi.fn() } }));
    expect(added.mock.calls.map(([event]) => event)).toEqual(['focus']);
    expect(removed.mock.calls.map(([event]) => event)).toEqual(['click']);
  });

  it('does not undo typing until the value itself changes', () => {
    render(h('input', { value: 'a' }));
    const input = find('input');
    if (!(input instanceof HTMLInputElement)) throw new Error('not an input');
    input.value = 'abc';
    render(h('input', { value: 'a' }));
    expect(input.value).toBe('abc');
    render(h('input', { value: 'z' }));
    expect(input.value).toBe('z');
  });

  it('selects an option that comes after the value', () => {
    const options = (...values: string[]) =>
      h(
        'select',
        { value: 'b' },
        values.map((value) => h('option', { value }, value)),
      );
    render(options('a'));
    render(options('a', 'b'));
    const select = find('select');
    expect(select instanceof HTMLSelectElement && select.value).toBe('b');
  });

  it('creates what is inside svg as SVG', () => {
    render(h('svg', {}, h('g', {}, h('path', { d: 'M0 0' }))), h('p', {}));
    expect(root.querySelector('path')?.namespaceURI).toBe('http://www.w3.org/2000/svg');
    expect(find('p').namespaceURI).toBe('http://www.w3.org/1999/xhtml');
  });
});
