import { dtypes } from '../domain/model.ts';
import type { FoldPiece, SumRange } from './fold-task.ts';
import type { Span } from './shared-memory.ts';

/** Elements of the sum in one stretch of memory: 1 GiB of float64. A larger model has several. */
export const chunkElementsMax = 2 ** 27;
/** Elements that a thread takes at a time: little enough that all end together, and no two share a cache line. */
const stretchElements = 65_536;

/** The sum cut into stretches of memory. @param elements ≥ 0 */
export function chunksOf(elements: number): SumRange[] {
  const chunks: SumRange[] = [];
  for (let from = 0; from < Math.max(1, elements); from += chunkElementsMax) {
    chunks.push({ from, to: Math.min(elements, from + chunkElementsMax) });
  }
  return chunks;
}

/** Where a range lies that is within one chunk. @throws when it is not */
export function rangeWithin(chunks: readonly { range: SumRange; span: Span }[], { from, to }: SumRange): Span {
  const chunk = chunks.find(({ range }) => range.from <= from && to <= range.to);
  if (!chunk) throw new Error('A range lies outside of the sum');
  const { arena, at } = chunk.span;
  const valueBytes = Float64Array.BYTES_PER_ELEMENT;
  return { arena, at: at + (from - chunk.range.from) * valueBytes, bytes: (to - from) * valueBytes };
}

/** What threads that share a fold take, one after another. @param elements ≥ 0 */
export function stretchesOf(elements: number): SumRange[] {
  const stretches: SumRange[] = [];
  for (let from = 0; from < Math.max(1, elements); from += stretchElements) {
    stretches.push({ from, to: Math.min(elements, from + stretchElements) });
  }
  return stretches;
}

/** What of the pieces falls into a range; where it goes is counted from the range's start. */
export function piecesWithin(pieces: readonly FoldPiece[], { from, to }: SumRange): FoldPiece[] {
  const within: FoldPiece[] = [];
  for (const { dtype, byteOffset, count, at } of pieces) {
    const start = Math.max(at, from);
    const end = Math.min(at + count, to);
    if (end > start) {
      within.push({
        dtype,
        byteOffset: byteOffset + (start - at) * dtypes[dtype],
        count: end - start,
        at: start - from,
      });
    }
  }
  return within;
}
