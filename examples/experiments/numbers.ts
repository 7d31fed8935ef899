import type { Spread } from './experiment.ts';

/** A share from 0 to 1. */
export const percent = (share: number, digits = 0): string => `${(share * 100).toFixed(digits)} %`;

/** `91.2 % (90.8 to 91.6)` */
export const percentRange = ({ lowest, median, highest }: Spread): string =>
  `${percent(median, 1)} (${(lowest * 100).toFixed(1)} to ${(highest * 100).toFixed(1)})`;

export function markdownTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
