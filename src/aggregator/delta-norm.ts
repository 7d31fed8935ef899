import type { NormTask } from './fold-task.ts';
import { widen } from './widen.ts';

/** Values taken at a time. */
const tileElements = 8_192;

/**
 * L2 norm of update − base, in float64. Squares are added one after another in the model's order, so that neither the
 * layout of the file nor the pieces in which it came change a bit: clipping after a restart is the same clipping.
 */
export function deltaNorm({ update, base }: NormTask): number {
  const elements = update.pieces.reduce((total, { count }) => total + count, 0);
  const values = new Float64Array(tileElements);
  const origin = new Float64Array(tileElements);
  let squares = 0;
  for (let from = 0; from < elements; from += tileElements) {
    const range = { from, to: Math.min(elements, from + tileElements) };
    widen(update, range, values);
    if (base) widen(base, range, origin);
    for (let index = 0; index < range.to - from; index += 1) {
      const delta = (values[index] ?? 0) - (origin[index] ?? 0);
      squares += delta * delta;
    }
  }
  return Math.sqrt(squares);
}
