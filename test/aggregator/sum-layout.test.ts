import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkElementsMax, chunksOf, piecesWithin, stretchesOf } from '../../src/aggregator/sum-layout.ts';
import { type Dtype, dtypes } from '../../src/domain/model.ts';

const gib = 2 ** 30;

describe('the layout of the sum', () => {
  it('covers a model of up to 4 GiB without holes or overlaps, in stretches that a memory can hold', () => {
    for (const elements of [0, 1, chunkElementsMax - 1, chunkElementsMax, chunkElementsMax + 1, gib, 2 * gib]) {
      const chunks = chunksOf(elements);
      expect(chunks[0]?.from).toBe(0);
      expect(chunks.at(-1)?.to).toBe(elements);
      for (const [index, { from }] of chunks.slice(1).entries()) expect(from).toBe(chunks[index]?.to);
      for (const { from, to } of chunks) expect((to - from) * 8).toBeLessThanOrEqual(gib);
    }
  });

  it('is shared among threads in stretches that meet at multiples of 8 elements', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 27 }), (elements) => {
        const stretches = stretchesOf(elements);
        expect(stretches[0]?.from).toBe(0);
        expect(stretches.at(-1)?.to).toBe(elements);
        stretches.slice(1).forEach(({ from }, index) => {
          expect(from).toBe(stretches[index]?.to);
          expect(from % 8).toBe(0);
        });
      }),
    );
  });

  it('finds each value of an update in exactly one part, at the byte where it lies, up to 4 GiB', () => {
    const dtypeNames = Object.keys(dtypes) as Dtype[];
    fc.assert(
      fc.property(
        fc.array(fc.record({ dtype: fc.constantFrom(...dtypeNames), count: fc.integer({ min: 0, max: 2 ** 28 }) }), {
          minLength: 1,
          maxLength: 4,
        }),
        fc.integer({ min: 1, max: 2 ** 27 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (tensors, part, position) => {
          let at = 0;
          let byteOffset = 8 + 512;
          const pieces = tensors.map(({ dtype, count }) => {
            const piece = { dtype, count, at, byteOffset };
            at += count;
            byteOffset += count * dtypes[dtype];
            return piece;
          });
          if (at === 0) return;
          const element = Math.min(at - 1, Math.floor(position * at));
          const home = pieces.find((piece) => element >= piece.at && element < piece.at + piece.count);
          const found = chunksOf(at)
            .flatMap(({ from, to }) => [
              { from, to: Math.min(to, from + part) },
              { from: Math.min(to, from + part), to },
            ])
            .flatMap((part) => piecesWithin(pieces, part).map((piece) => ({ piece, from: part.from })))
            .filter(({ piece, from }) => element >= from + piece.at && element < from + piece.at + piece.count);
          expect(found).toHaveLength(1);
          const [{ piece, from }] = found as [(typeof found)[number]];
          expect(piece.byteOffset + (element - from - piece.at) * dtypes[piece.dtype]).toBe(
            (home?.byteOffset ?? 0) + (element - (home?.at ?? 0)) * dtypes[piece.dtype],
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
