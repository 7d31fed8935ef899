import type { Tensors } from '../../domain/model.ts';

/**
 * @param tolerance of the difference between two values, as a share of the larger; 0: bit for bit.
 * @returns where two models differ first, or null when they do not.
 */
export function firstDifference(expected: Tensors, given: Tensors, tolerance = 0): string | null {
  const names = Object.keys(expected);
  if (names.length !== Object.keys(given).length)
    return `has ${Object.keys(given).length} tensors, not ${names.length}`;
  for (const name of names) {
    const wanted = expected[name]?.data ?? [];
    const has = given[name]?.data ?? [];
    if (wanted.length !== has.length) return `"${name}" has ${has.length} values, not ${wanted.length}`;
    for (let at = 0; at < wanted.length; at += 1) {
      if (!isSame(wanted[at] ?? Number.NaN, has[at] ?? Number.NaN, tolerance))
        return `"${name}"[${at}] is ${has[at]}, not ${wanted[at]}`;
    }
  }
  return null;
}

const isSame = (a: number, b: number, tolerance: number): boolean =>
  Object.is(a, b) || Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b));
