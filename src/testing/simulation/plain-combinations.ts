import type { Combination, Measurement } from '../../strategies/strategy.ts';

/** What a strategy asks about updates, value by value. */
export function measured(measurement: Measurement, updates: readonly Float64Array[]): Float64Array {
  if (measurement.kind === 'pairwise') {
    return Float64Array.from(updates.flatMap((one) => updates.map((other) => squaredDistance(one, other))));
  }
  const centre = weightedMean(measurement.weights, updates);
  return Float64Array.from(updates, (update) => squaredDistance(update, centre));
}

/** What a strategy makes of updates, value by value. */
export function combined(combination: Combination, updates: readonly Float64Array[]): Float64Array {
  if (combination.kind === 'weighted') return weightedMean(combination.weights, updates);
  if (combination.kind === 'own') throw new TypeError('A strategy of one’s own combines by itself');
  const members = combination.members.flatMap((index) => updates[index] ?? []);
  return Float64Array.from(updates[0] ?? [], (_, at) => {
    const column = Float64Array.from(members, (member) => member[at] ?? 0).sort();
    if (combination.kind === 'ordered') return mean(column.subarray(combination.from, combination.to));
    return mean(nearest(column, combination.keep));
  });
}

/** The values of a sorted column that are closest to its median, ascending; of two equally close the lower one. */
function nearest(column: Float64Array, keep: number): Float64Array {
  const { length } = column;
  const middle = mean(column.subarray(Math.floor((length - 1) / 2), Math.floor(length / 2) + 1));
  const ranked = column.toSorted((a, b) => Math.abs(a - middle) - Math.abs(b - middle) || a - b);
  return ranked.subarray(0, keep).sort();
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function weightedMean(weights: readonly number[], updates: readonly Float64Array[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return Float64Array.from(
    updates[0] ?? [],
    (_, at) => weights.reduce((sum, weight, index) => sum + weight * (updates[index]?.[at] ?? 0), 0) / total,
  );
}

const squaredDistance = (one: Float64Array, other: Float64Array): number =>
  one.reduce((sum, value, at) => sum + (value - (other[at] ?? 0)) ** 2, 0);
