/** How the values of a chart are put into words. Pure. */
import { bytes, count, duration, metric } from '../words/numbers.ts';

export interface Wording {
  value: (value: number) => string;
  /** At the axis, where ticks are `step` apart: no more digits than tell them apart. */
  tick: (value: number, step: number) => string;
  /** Whether there is nothing between whole numbers. */
  isWhole: boolean;
}

/** Above it, ticks are told in minutes and seconds, s. */
const longSeconds = 120;

const digitsMax = 6;

/** Behind the point, so that `step` is told exactly: two for 0.25. */
function digitsOf(step: number): number {
  for (let digits = 0; digits < digitsMax; digits += 1) {
    const scaled = step * 10 ** digits;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * scaled) return digits;
  }
  return digitsMax;
}

const metrics: Wording = {
  value: metric,
  tick: (value, step) => (Math.abs(value) >= 100_000 || step < 0.0001 ? metric(value) : value.toFixed(digitsOf(step))),
  isWhole: false,
};
const counts: Wording = { value: count, tick: count, isWhole: true };
const seconds: Wording = {
  value: (value) => duration(1_000 * value),
  tick: (value, step) => (value > longSeconds ? duration(1_000 * value) : `${value.toFixed(digitsOf(step))}\u00a0s`),
  isWhole: false,
};
const sizes: Wording = { value: bytes, tick: (value) => bytes(value).replace('.0\u00a0', '\u00a0'), isWhole: false };

export const wordings = { metrics, counts, seconds, sizes } as const;
