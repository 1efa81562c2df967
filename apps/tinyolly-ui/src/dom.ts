/** Virtual nodes, and the patch that brings the page in line with them. Text only ever becomes text nodes. */
export type Child = VElement | string;
type Optional = Child | false | undefined;
export type Children = Optional | readonly Optional[];

type Listeners = {
  readonly [E in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[E]) => void;
};
type CustomProperties = Readonly<Record<`--${string}`, string>>;

export interface Props {
  /** Identity among its siblings: a node with a key keeps its focus and scroll place when others come and go. */
  readonly key?: string;
  /** Custom properties for the style sheet; set through the CSSOM, as the CSP forbids style attributes. */
  readonly style?: CustomProperties;
  readonly on?: Listeners;
  /** Value of a form field; set only when it differs from the last one, so that typing is not undone. */
  readonly value?: string;
  readonly [attribute: string]:
    string | number | boolean | undefined | CustomProperties | Listeners;
}

export interface VElement {
  readonly tag: string;
  readonly props: Props;
  readonly children: readonly Child[];
}

interface Mounted {
  readonly child: Child;
  readonly node: Element | Text;
  readonly children: readonly Mounted[];
}

const htmlNamespace = 'http://www.w3.org/1999/xhtml';
const svgNamespace = 'http://www.w3.org/2000/svg';
const noProps: Props = {};
const noListeners: Listeners = {};

export function h(tag: string, props: Props, ...children: readonly Children[]): VElement {
  return {
    tag,
    props,
    children: children.flat().filter((child) => child !== false && child !== undefined),
  };
}

/** Takes over the contents of `root`; call the result with what it should show. */
export function mount(root: Element): (...children: readonly Child[]) => void {
  let mounted: readonly Mounted[] = [];
  return (...children) => {
    mounted = reconcile(root, mounted, children);
  };
}

function reconcile(
  parent: Element,
  old: readonly Mounted[],
  next: readonly Child[],
): readonly Mounted[] {
  const reusable = new Map<string, Mounted[]>();
  for (const item of old) {
    const identity = identityOf(item.child);
    const twins = reusable.get(identity);
    if (twins) twins.push(item);
    else reusable.set(identity, [item]);
  }
  const mounted = next.map((child) => {
    const match = reusable.get(identityOf(child))?.shift();
    return match ? update(match, child) : create(child, parent);
  });
  for (const leftovers of reusable.values()) for (const { node } of leftovers) node.remove();
  let cursor = parent.firstChild;
  for (const { node } of mounted) {
    if (node === cursor) cursor = node.nextSibling;
    else parent.insertBefore(node, cursor);
  }
  return mounted;
}

function identityOf(child: Child): string {
  return typeof child === 'string' ? '' : `${child.tag} ${child.props.key ?? ''}`;
}

function create(child: Child, parent: Element): Mounted {
  if (typeof child === 'string') {
    return { child, node: document.createTextNode(child), children: [] };
  }
  const inherited = parent.namespaceURI ?? htmlNamespace;
  const node = document.createElementNS(child.tag === 'svg' ? svgNamespace : inherited, child.tag);
  const children = reconcile(node, [], child.children);
  applyProps(node, noProps, child.props);
  return { child, node, children };
}

function update(mounted: Mounted, child: Child): Mounted {
  const { child: old, node } = mounted;
  if (typeof child === 'string') {
    if (child !== old) node.textContent = child;
    return { child, node, children: [] };
  }
  if (child === old || typeof old === 'string' || !(node instanceof Element)) return mounted;
  const children = reconcile(node, mounted.children, child.children);
  applyProps(node, old.props, child.props);
  return { child, node, children };
}

function applyProps(node: Element, old: Props, next: Props): void {
  for (const name of new Set([...Object.keys(old), ...Object.keys(next)])) {
    const value = next[name];
    if (name === 'key' || name === 'on' || name === 'style' || value === old[name]) continue;
    if (name === 'value') setValue(node, next.value ?? '');
    else if (value === undefined || value === false) node.removeAttribute(name);
    else if (typeof value !== 'object')
      node.setAttribute(name, value === true ? '' : String(value));
  }
  // The options of a select can come after its value, so it is compared with what is selected.
  if (node instanceof HTMLSelectElement && next.value !== undefined) setValue(node, next.value);
  applyStyle(node, old.style ?? {}, next.style ?? {});
  applyListeners(node, old.on ?? noListeners, next.on ?? noListeners);
}

function setValue(node: Element, value: string): void {
  if (
    (node instanceof HTMLInputElement ||
      node instanceof HTMLTextAreaElement ||
      node instanceof HTMLSelectElement) &&
    node.value !== value
  ) {
    node.value = value;
  } else if (node instanceof HTMLOptionElement) {
    node.setAttribute('value', value);
  }
}

function applyStyle(node: Element, old: CustomProperties, next: CustomProperties): void {
  if (!(node instanceof HTMLElement || node instanceof SVGElement)) return;
  for (const name of Object.keys(old)) if (!(name in next)) node.style.removeProperty(name);
  for (const [name, value] of Object.entries(next)) node.style.setProperty(name, value);
}

/** A node's listeners of now. The browser knows one function for all: what is drawn anew adds and removes none. */
const current = new WeakMap<EventTarget, Listeners>();

function dispatch(event: Event): void {
  if (!event.currentTarget) return;
  // Each listener takes the event of its own name, which is what it is looked up by.
  const listeners = current.get(event.currentTarget) as Record<string, EventListener> | undefined;
  listeners?.[event.type]?.(event);
}

function applyListeners(node: Element, old: Listeners, next: Listeners): void {
  if (old === next) return;
  for (const event of Object.keys(old)) {
    if (!(event in next)) node.removeEventListener(event, dispatch);
  }
  for (const event of Object.keys(next)) {
    if (!(event in old)) node.addEventListener(event, dispatch);
  }
  current.set(node, next);
}
