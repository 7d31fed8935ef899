/** Colours of the stylesheet as a canvas needs them. */

/** Series in the order in which they are given out; see styles/theme.css. */
export type Ink =
  | 'accent'
  | 'amber'
  | 'violet'
  | 'rose'
  | 'slate'
  | 'sky'
  | 'green'
  | 'ink'
  | 'muted'
  | 'faint'
  | 'surface';

let probe: HTMLElement | null = null;

/** @returns the colour as the present theme has it. */
export function colour(ink: Ink): string {
  if (!probe) {
    probe = document.createElement('i');
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${ink})`;
  return getComputedStyle(probe).color;
}
