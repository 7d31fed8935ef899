const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** Numbers as a line of bars, from the lowest of them to the highest; the last `width` of them. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const [low, high] = [Math.min(...shown), Math.max(...shown)];
  const heightOf = (value: number) => (high > low ? Math.round(((value - low) / (high - low)) * (bars.length - 1)) : 3);
  return shown.map((value) => bars[heightOf(value)]).join('');
}
