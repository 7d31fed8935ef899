import { type Dtype, dtypes } from '../../domain/model.ts';
import { bf16ToFloat32, f16ToFloat32 } from '../../wire/half.ts';
import { bufferOf } from '../shared-memory.ts';
import type { Place } from './kernel-types.ts';
import { blockColumns, distanceColumns, type RobustKernels } from './robust-types.ts';

/** The kernels as one would write them down: what the compiled ones are tested against, and used where those cannot be. */
export const referenceRobustKernels: RobustKernels = {
  orderedMean(dtype, members, count, { from, to }, into) {
    eachSortedColumn(dtype, members, count, into, (column) => mean(column.subarray(from, to)));
  },

  meanAroundMedian(dtype, members, count, keep, into) {
    eachSortedColumn(dtype, members, count, into, (column) => mean(closestToMedian(column, keep)));
  },

  addDistances(dtype, updates, count, distances) {
    const n = updates.length;
    const sums = new Float64Array(n * n);
    for (let start = 0; start < count; start += distanceColumns) {
      const length = Math.min(distanceColumns, count - start);
      const blocks = updates.map((update) => decoded(dtype, placeOf(dtype, update, start), length));
      blocks.forEach((a, i) => {
        blocks.forEach((b, j) => {
          if (i !== j) sums[i * n + j] = (sums[i * n + j] ?? 0) + evenAndOdd(a, b);
        });
      });
    }
    sums.forEach((sum, at) => {
      distances[at] = (distances[at] ?? 0) + sum;
    });
  },

  squaredDistance(dtype, values, centre, count) {
    const centres = new Float64Array(bufferOf(centre.arena), centre.at, count);
    const squares = decoded(dtype, values, count).map((value, index) => (value - (centres[index] ?? 0)) ** 2);
    // In the order of the compiled kernel: four sums side by side, then what is left.
    const sums = [0, 0, 0, 0];
    const whole = count - (count % 4);
    for (let index = 0; index < whole; index += 1) sums[index % 4] = (sums[index % 4] ?? 0) + (squares[index] ?? 0);
    const [a = 0, b = 0, c = 0, d = 0] = sums;
    return squares.subarray(whole).reduce((sum, square) => sum + square, a + c + (b + d));
  },
};

/** The place of a later value. */
const placeOf = (dtype: Dtype, { arena, at }: Place, element: number): Place => ({
  arena,
  at: at + element * dtypes[dtype],
});

/** A copy of the values, widened. */
export function decoded(dtype: Dtype, { arena, at }: Place, count: number): Float64Array {
  const view = new DataView(bufferOf(arena), at, count * dtypes[dtype]);
  const read = {
    F64: (index: number) => view.getFloat64(index * 8, true),
    F32: (index: number) => view.getFloat32(index * 4, true),
    F16: (index: number) => f16ToFloat32(view.getUint16(index * 2, true)),
    BF16: (index: number) => bf16ToFloat32(view.getUint16(index * 2, true)),
  }[dtype];
  return Float64Array.from({ length: count }, (_, index) => read(index));
}

function eachSortedColumn(
  dtype: Dtype,
  members: readonly Place[],
  count: number,
  into: Place,
  reduce: (column: Float64Array) => number,
): void {
  const results = new Float64Array(bufferOf(into.arena), into.at, count);
  const column = new Float64Array(members.length);
  for (let start = 0; start < count; start += blockColumns) {
    const length = Math.min(blockColumns, count - start);
    const rows = members.map((member) => decoded(dtype, placeOf(dtype, member, start), length));
    for (let index = 0; index < length; index += 1) {
      rows.forEach((row, member) => {
        column[member] = row[index] ?? 0;
      });
      results[start + index] = reduce(column.sort());
    }
  }
}

/** From +0 on, so that no zero keeps its sign. */
const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function closestToMedian(sorted: Float64Array, keep: number): Float64Array {
  const last = sorted.length - 1;
  const median = ((sorted[last >> 1] ?? 0) + (sorted[(last + 1) >> 1] ?? 0)) / 2;
  let low = 0;
  let high = last;
  while (high - low + 1 > keep) {
    if (median - (sorted[low] ?? 0) > (sorted[high] ?? 0) - median) low += 1;
    else high -= 1;
  }
  return sorted.subarray(low, high + 1);
}

/** Two sums side by side, as the compiled kernel makes them. */
function evenAndOdd(a: Float64Array, b: Float64Array): number {
  const sums = [0, 0];
  a.forEach((value, index) => {
    sums[index % 2] = (sums[index % 2] ?? 0) + (value - (b[index] ?? 0)) ** 2;
  });
  return (sums[0] ?? 0) + (sums[1] ?? 0);
}
