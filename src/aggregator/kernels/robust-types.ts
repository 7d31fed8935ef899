import type { Dtype } from '../../domain/model.ts';
import type { Place } from './kernel-types.ts';

/**
 * The inner loops of strategies that need all updates at once. Values are finite and need not be aligned; what is float64
 * begins at a multiple of 8. Zeros are equal whatever their sign, and one that comes out is +0. The two implementations
 * give the same bits.
 */
export interface RobustKernels {
  /**
   * `into[i]` = the mean of the values that stand at [from, to) when those of all members are sorted, added in that
   * order: the members' order does not matter.
   */
  orderedMean(
    dtype: Dtype,
    members: readonly Place[],
    count: number,
    positions: { readonly from: number; readonly to: number },
    into: Place,
    scratch: Place,
  ): void;
  /** `into[i]` = the mean of the `keep` values closest to the members' median, added in ascending order. */
  meanAroundMedian(
    dtype: Dtype,
    members: readonly Place[],
    count: number,
    keep: number,
    into: Place,
    scratch: Place,
  ): void;
  /**
   * `distances[i · n + j] += ‖valuesᵢ − valuesⱼ‖²`, and so does `[j · n + i]`. Blocks of 64 values, counted from where
   * the call begins, are summed each for itself: who wants the same bits again must ask for the same stretches.
   */
  addDistances(dtype: Dtype, updates: readonly Place[], count: number, distances: Float64Array, scratch: Place): void;
  /** @returns ‖values − centre‖². @param centre float64 */
  squaredDistance(dtype: Dtype, values: Place, centre: Place, count: number): number;
}

/** Columns that are copied at a time, of which a row holds so many float64. */
export const blockColumns = 256;
/** A row of float64 in the scratch memory; not a multiple of a page's share, so that rows do not fall together in the cache. */
export const rowBytes = blockColumns * Float64Array.BYTES_PER_ELEMENT + 64;

/** Columns whose distances are summed at a time: so few that the rows of 50 updates stay in the nearest cache. */
export const distanceColumns = 64;
export const distanceRowBytes = distanceColumns * Float64Array.BYTES_PER_ELEMENT + 64;

/** Where things lie in the scratch memory, bytes from its start, for so many updates. */
export function scratchLayout(updates: number) {
  const padded = Math.ceil(updates / 4) * 4;
  const granules = (bytes: number) => Math.ceil(bytes / 64) * 64;
  const table = 0;
  const wires = granules(updates * 4);
  const result = wires + granules(updates * 16);
  const rows = result + rowBytes;
  const sorted = rows + padded * rowBytes;
  const matrix = sorted + updates * rowBytes;
  return { padded, table, wires, result, rows, sorted, matrix, bytes: matrix + granules(padded * padded * 8) };
}

/** Scratch memory the kernels need, for each thread one, bytes. @param updates ≥ 1 */
export const robustScratchBytes = (updates: number): number => scratchLayout(updates).bytes;
