import { dtypes, elementCount, type ModelSchema } from '../domain/model.ts';
import type { FoldPiece, FoldTask } from './fold-task.ts';
import type { Weighted } from './kernels/kernel-types.ts';
import { fold } from './kernels/kernels.ts';
import { bufferOf, type Span } from './shared-memory.ts';
import { piecesWithin } from './sum-layout.ts';

/** Updates that the kernel adds in one pass over the sum: reading and writing the sum is what costs. */
const foldsAtOnceMax = 4;
/** Values of the sum worked on at a time: they stay in a core's cache from one pass to the next. */
const tileElements = 16_384;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;

/** `sum[i] += Σ weightₖ · updateₖ[i]` in float64, update by update, over every piece. */
export function addWeighted({ sum, clear, updates }: FoldTask): void {
  if (!clear && updates.length <= foldsAtOnceMax) {
    addTo(sum, updates);
    return;
  }
  const elements = sum.bytes / valueBytes;
  for (let from = 0; from < elements; from += tileElements) {
    const range = { from, to: Math.min(elements, from + tileElements) };
    const tile = { arena: sum.arena, at: sum.at + from * valueBytes, bytes: (range.to - from) * valueBytes };
    if (clear) new Float64Array(bufferOf(tile.arena), tile.at, range.to - from).fill(0);
    addTo(
      tile,
      updates.map(({ span, pieces, weight }) => ({ span, pieces: piecesWithin(pieces, range), weight })),
    );
  }
}

function addTo(sum: Span, updates: FoldTask['updates']): void {
  let batch: FoldTask['updates'] = [];
  for (const update of updates) {
    // Only what is laid out alike can be read side by side.
    const isAlike = batch.length === 0 || laidOutAlike(batch[0]?.pieces ?? [], update.pieces);
    if (!isAlike || batch.length === foldsAtOnceMax) {
      foldBatch(sum, batch);
      batch = [];
    }
    batch.push(update);
  }
  foldBatch(sum, batch);
}

function foldBatch(sum: Span, updates: FoldTask['updates']): void {
  for (const [index, { dtype, count, at }] of (updates[0]?.pieces ?? []).entries()) {
    const sources = updates.map(({ span, pieces, weight }): Weighted => {
      const byteOffset = pieces[index]?.byteOffset ?? 0;
      return { arena: span.arena, at: span.at + byteOffset, weight };
    });
    fold(dtype, { arena: sum.arena, at: sum.at + at * valueBytes }, count, sources);
  }
}

/** Whether two updates' pieces cover the same values; where in their files they lie does not matter. */
const laidOutAlike = (a: readonly FoldPiece[], b: readonly FoldPiece[]): boolean =>
  a.length === b.length &&
  a.every(({ dtype, count, at }, index) => {
    const other = b[index];
    return other?.dtype === dtype && other.count === count && other.at === at;
  });

/** Where the values of a file in the schema's order lie; neighbouring tensors of one dtype are one run. */
export function runsOf(schema: ModelSchema, dataOffset: number): FoldPiece[] {
  const runs: FoldPiece[] = [];
  let at = 0;
  let byteOffset = dataOffset;
  for (const { dtype, shape } of schema) {
    const count = elementCount(shape);
    const last = runs.at(-1);
    if (last?.dtype === dtype) last.count += count;
    else runs.push({ dtype, byteOffset, count, at });
    at += count;
    byteOffset += count * dtypes[dtype];
  }
  return runs;
}
