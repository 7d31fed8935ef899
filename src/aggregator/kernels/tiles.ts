import { type Dtype, dtypes } from '../../domain/model.ts';
import type { FoldPiece, SumRange } from '../fold-task.ts';
import { tileElementsMax } from './robust.ts';

/** A tile, by where its values lie. */
export interface TileOutline {
  readonly dtype: Dtype;
  /** 1 to `tileElementsMax` */
  readonly count: number;
  /** First element in the model. */
  readonly element: number;
  /** Where its values begin in each update's file, bytes. */
  readonly byteOffsets: readonly number[];
}

/**
 * Cuts a range of the model into tiles, in order: at multiples of `tileElementsMax`, and wherever a piece of one of the
 * updates ends. Each update may have its tensors in an order of its own.
 * @param layouts the pieces of each update, ascending by element; all cover the same elements with the same dtypes.
 * @throws {RangeError} one of them does not cover the range.
 */
export function* tilesOf(
  layouts: readonly (readonly FoldPiece[])[],
  { from, to }: SumRange,
): Generator<TileOutline, void, undefined> {
  const current = layouts.map(() => 0);
  for (let element = from; element < to; ) {
    const pieces = layouts.map((layout, update) => {
      let index = current[update] ?? 0;
      for (let piece = layout[index]; piece && piece.at + piece.count <= element; piece = layout[index]) index += 1;
      current[update] = index;
      const piece = layout[index];
      if (!piece || piece.at > element) throw new RangeError(`Update ${update} has no element ${element}`);
      return piece;
    });
    const gridEnd = element - (element % tileElementsMax) + tileElementsMax;
    const end = pieces.reduce((least, { at, count }) => Math.min(least, at + count), Math.min(to, gridEnd));
    const start = element;
    yield {
      dtype: pieces[0]?.dtype ?? 'F32',
      count: end - start,
      element: start,
      byteOffsets: pieces.map(({ dtype, byteOffset, at }) => byteOffset + (start - at) * dtypes[dtype]),
    };
    element = end;
  }
}
