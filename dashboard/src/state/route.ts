import { computed, signal } from '@preact/signals';

export const views = ['run', 'rounds', 'clients', 'charts', 'timeline', 'operate'] as const;
export type View = (typeof views)[number];

/** The address after `#/`, in parts: a view, and what of it is shown. */
const parts = signal(read());

function read(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
}

window.addEventListener('hashchange', () => {
  parts.value = read();
});

export const route = computed(() => {
  const [name = '', ...rest] = parts.value;
  return { view: views.find((view) => view === name) ?? ('run' as const), rest };
});

export const hrefOf = (view: View, ...rest: (string | number)[]): string =>
  `#/${[view, ...rest].map((part) => encodeURIComponent(part)).join('/')}`;

export function goTo(view: View, ...rest: (string | number)[]): void {
  location.hash = hrefOf(view, ...rest);
}
