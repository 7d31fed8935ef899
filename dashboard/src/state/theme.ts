import { effect, signal } from '@preact/signals';

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'chorus.theme';
const systemIsDark = window.matchMedia('(prefers-color-scheme: dark)');

function read(): Theme {
  try {
    return themes.find((theme) => theme === localStorage.getItem(key)) ?? 'system';
  } catch {
    return 'system';
  }
}

export const theme = signal<Theme>(read());
/** Rises when colours change: what is painted on a canvas must be painted again. */
export const paintings = signal(0);

systemIsDark.addEventListener('change', () => {
  paintings.value += 1;
});

effect(() => {
  const chosen = theme.value;
  if (chosen === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  paintings.value = paintings.peek() + 1;
});

export function chooseTheme(chosen: Theme): void {
  theme.value = chosen;
  try {
    localStorage.setItem(key, chosen);
  } catch {
    // Not remembered, then.
  }
}
