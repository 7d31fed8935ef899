import type { Tensors } from '../../domain/model.ts';

export interface WeightedUpdate {
  tensors: Tensors;
  numExamples: number;
}

/**
 * The weighted mean as anyone would write it down: Σ wᵢ·uᵢ in float64 in this order, divided by Σ wᵢ, the base added
 * for deltas, and rounded once to the tensor's dtype. F32 and F64 only.
 * @param updates at least one, all of one schema.
 */
export function exactMean(updates: readonly WeightedUpdate[], base: Tensors | null): Tensors {
  const [first] = updates;
  if (!first) throw new RangeError('No update, so no mean');
  const weights = updates.map(({ numExamples }) => numExamples);
  const isUnweighted = weights.every((weight) => weight === 0);
  const weightOf = (index: number): number => (isUnweighted ? 1 : (weights[index] ?? 0));
  const total = weights.reduce((sum, _, index) => sum + weightOf(index), 0);
  return Object.fromEntries(
    Object.entries(first.tensors).map(([name, { dtype, shape, data }]) => {
      const mean = dtype === 'F64' ? new Float64Array(data.length) : new Float32Array(data.length);
      for (let element = 0; element < data.length; element += 1) {
        let sum = 0;
        updates.forEach(({ tensors }, index) => {
          sum += weightOf(index) * (tensors[name]?.data[element] ?? Number.NaN);
        });
        mean[element] = sum / total + (base ? (base[name]?.data[element] ?? Number.NaN) : 0);
      }
      return [name, { dtype, shape, data: mean }];
    }),
  );
}

/** @returns where two models differ first, bit for bit, or null when they do not. */
export function firstDifference(expected: Tensors, given: Tensors): string | null {
  const names = Object.keys(expected);
  if (names.length !== Object.keys(given).length)
    return `has ${Object.keys(given).length} tensors, not ${names.length}`;
  for (const name of names) {
    const wanted = expected[name]?.data ?? [];
    const has = given[name]?.data ?? [];
    if (wanted.length !== has.length) return `"${name}" has ${has.length} values, not ${wanted.length}`;
    for (let at = 0; at < wanted.length; at += 1) {
      if (!Object.is(wanted[at], has[at])) return `"${name}"[${at}] is ${has[at]}, not ${wanted[at]}`;
    }
  }
  return null;
}
