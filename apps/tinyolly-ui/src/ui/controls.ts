import { type Children, h, type VElement } from '../dom';
import { icon } from './icons';

export interface SearchBox {
  readonly key?: string;
  readonly label: string;
  readonly value: string;
  readonly onInput: (text: string) => void;
}

/** The page's text filter; `/` moves the focus to it. */
export function searchBox({ key = '', label, value, onInput }: SearchBox): VElement {
  return h(
    'label',
    { class: 'search', key: `${label} ${key}` },
    icon('search'),
    h('input', {
      type: 'search',
      'aria-label': label,
      'aria-keyshortcuts': '/',
      placeholder: label,
      autocomplete: 'off',
      spellcheck: 'false',
      value,
      on: {
        input: (event) => {
          if (event.target instanceof HTMLInputElement) onInput(event.target.value);
        },
      },
    }),
  );
}

export interface TextField {
  readonly key?: string;
  readonly label: string;
  /** The name where the label alone does not say it. */
  readonly name?: string;
  readonly placeholder: string;
  readonly value: string;
  /** What is wrong with the value, and what would be right. */
  readonly problem: string | undefined;
  readonly onInput: (text: string) => void;
}

/** A short field with its name in front of it. */
export function textField(field: TextField): VElement {
  const { key = '', label, name, placeholder, value, problem, onInput } = field;
  return h(
    'label',
    { class: 'field', key: `${label} ${key}` },
    h('span', {}, label),
    h('input', {
      type: 'text',
      'aria-label': name,
      placeholder,
      autocomplete: 'off',
      spellcheck: 'false',
      'aria-invalid': problem === undefined ? undefined : 'true',
      value,
      on: {
        input: (event) => {
          if (event.target instanceof HTMLInputElement) onInput(event.target.value);
        },
      },
    }),
    problem !== undefined && h('span', { class: 'problem', role: 'alert' }, problem),
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface Select {
  readonly label: string;
  readonly value: string;
  readonly choices: readonly Choice[];
  readonly onChange: (value: string) => void;
}

export function select({ label, value, choices, onChange }: Select): VElement {
  return h(
    'select',
    {
      'aria-label': label,
      value,
      on: {
        change: (event) => {
          if (event.target instanceof HTMLSelectElement) onChange(event.target.value);
        },
      },
    },
    choices.map((choice) => h('option', { value: choice.value }, choice.label)),
  );
}

/** Choice of a service; one that has sent nothing lately stays choosable while it is chosen. */
export function serviceSelect(
  value: string,
  services: readonly string[],
  onChange: (service: string) => void,
): VElement {
  const names = value === '' || services.includes(value) ? services : [...services, value];
  return select({
    label: 'Service',
    value,
    choices: [
      { value: '', label: 'All services' },
      ...names.map((name) => ({ value: name, label: name })),
    ],
    onChange,
  });
}

export function toggle(label: string, pressed: boolean, onClick: () => void): VElement {
  return h(
    'button',
    { type: 'button', class: 'toggle', 'aria-pressed': String(pressed), on: { click: onClick } },
    label,
  );
}

export function button(label: string, onClick: () => void, disabled = false): VElement {
  return h('button', { type: 'button', disabled, on: { click: onClick } }, label);
}

/** A filter that is on, with a way to turn it off. */
export function filterChip(label: string, onRemove: () => void): VElement {
  return h(
    'span',
    { class: 'filter-chip' },
    label,
    h(
      'button',
      { type: 'button', 'aria-label': `Remove filter: ${label}`, on: { click: onRemove } },
      icon('close'),
    ),
  );
}

export function toolbar(label: string, ...children: readonly Children[]): VElement {
  return h('div', { class: 'toolbar', role: 'search', 'aria-label': label }, ...children);
}
