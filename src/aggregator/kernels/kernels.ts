import type { Dtype } from '../../domain/model.ts';
import type { Arena } from '../shared-memory.ts';
import type { Kernels, Place, Weighted } from './kernel-types.ts';
import { referenceKernels } from './reference.ts';
import { wasmKernels } from './wasm.ts';

/** The fastest that can work in this arena. */
export function kernelsFor(arena: Arena): Kernels {
  return arena.memory instanceof SharedArrayBuffer ? referenceKernels : wasmKernels(arena.id, arena.memory);
}

/** As {@link Kernels.fold}, wherever the updates lie: what is in another memory than the sum is read the plain way. */
export function fold(dtype: Dtype, sum: Place, count: number, updates: readonly Weighted[]): void {
  const isTogether = updates.every(({ arena }) => arena.id === sum.arena.id);
  (isTogether ? kernelsFor(sum.arena) : referenceKernels).fold(dtype, sum, count, updates);
}
