import type { Dtype } from '../../domain/model.ts';
import type { Arena } from '../shared-memory.ts';

/** A place in shared memory: an arena and a byte in it. */
export interface Place {
  readonly arena: Arena;
  readonly at: number;
}

/** Values of one update and how much they weigh. */
export interface Weighted extends Place {
  readonly weight: number;
}

/**
 * The inner loops of aggregation. Values need not be aligned; the sum, float64, begins at a multiple of 8. The two
 * implementations give the same bits, but for the order in which squares are added.
 */
export interface Kernels {
  /** `sum[i] += Σ weightₖ · updateₖ[i]`, one update after another: the same bits however many are given at a time. */
  fold(dtype: Dtype, sum: Place, count: number, updates: readonly Weighted[]): void;
  /** @returns Σ value², or NaN when a value is not finite (or, for F64, when a square overflows). */
  check(dtype: Dtype, values: Place, count: number): number;
  /** Whether every value is finite; less work than `check`. */
  areFinite(dtype: Dtype, values: Place, count: number): boolean;
  /** `sum[i] /= divisor`. */
  divide(sum: Place, count: number, divisor: number): void;
  /** Rounds the sum's values to float32, in place: they then fill the first half of where they were. */
  narrow(sum: Place, count: number): void;
}
