import { describe, expect, it } from 'vitest';
import type { FoldPiece } from '../../src/aggregator/fold-task.ts';
import { tileElementsMax } from '../../src/aggregator/kernels/robust.ts';
import { tilesOf } from '../../src/aggregator/kernels/tiles.ts';

/** Tensor a of 3 F32 and b of 2 F32, then c of 4 F64; in the second file b comes before a. */
const inOrder: FoldPiece[] = [
  { dtype: 'F32', byteOffset: 100, count: 5, at: 0 },
  { dtype: 'F64', byteOffset: 120, count: 4, at: 5 },
];
const swapped: FoldPiece[] = [
  { dtype: 'F32', byteOffset: 208, count: 3, at: 0 },
  { dtype: 'F32', byteOffset: 200, count: 2, at: 3 },
  { dtype: 'F64', byteOffset: 220, count: 4, at: 5 },
];

describe('the tiles of a range', () => {
  it('have the values of every update, wherever they lie in its file', () => {
    expect([...tilesOf([inOrder, swapped], { from: 1, to: 8 })]).toEqual([
      { dtype: 'F32', count: 2, element: 1, byteOffsets: [104, 212] },
      { dtype: 'F32', count: 2, element: 3, byteOffsets: [112, 200] },
      { dtype: 'F64', count: 3, element: 5, byteOffsets: [120, 220] },
    ]);
  });

  it('begin at the same elements, whatever range they are asked for', () => {
    const elements = 3 * tileElementsMax + 5;
    const large: FoldPiece[] = [{ dtype: 'F16', byteOffset: 8, count: elements, at: 0 }];
    const whole = [...tilesOf([large], { from: 0, to: elements })];
    expect(whole.map(({ count }) => count)).toEqual([tileElementsMax, tileElementsMax, tileElementsMax, 5]);
    const later = [...tilesOf([large], { from: tileElementsMax + 9, to: elements })];
    expect(later.map(({ element }) => element)).toEqual([
      tileElementsMax + 9,
      2 * tileElementsMax,
      3 * tileElementsMax,
    ]);
  });

  it('are none for an empty range', () => {
    expect([...tilesOf([inOrder], { from: 4, to: 4 })]).toEqual([]);
    expect([...tilesOf([[]], { from: 0, to: 0 })]).toEqual([]);
  });

  it('are not made up for an update that lacks values', () => {
    expect(() => [...tilesOf([inOrder, swapped.slice(0, 2)], { from: 0, to: 9 })]).toThrow('Update 1 has no element 5');
  });
});
