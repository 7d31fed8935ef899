import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Dtype, dtypes } from '../../src/domain/model.ts';
import { firstNonFinite } from '../../src/wire/finite.ts';

/** Little-endian bytes of what is not finite, and of the largest that is. */
const samples: Record<Dtype, { notFinite: number[][]; finite: number[][] }> = {
  F32: {
    notFinite: [
      [0, 0, 0x80, 0x7f],
      [0, 0, 0x80, 0xff],
      [0, 0, 0xc0, 0x7f],
      [1, 0, 0x80, 0x7f],
    ],
    finite: [
      [0xff, 0xff, 0x7f, 0x7f],
      [0xff, 0xff, 0x7f, 0xff],
    ],
  },
  F64: {
    notFinite: [
      [0, 0, 0, 0, 0, 0, 0xf0, 0x7f],
      [0, 0, 0, 0, 0, 0, 0xf0, 0xff],
      [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
      [1, 0, 0, 0, 0, 0, 0xf0, 0x7f],
    ],
    // The second has in its lower word what would be infinity in the upper one.
    finite: [
      [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xef, 0x7f],
      [0, 0, 0xf0, 0x7f, 0, 0, 0, 0],
    ],
  },
  F16: {
    notFinite: [
      [0, 0x7c],
      [0, 0xfc],
      [0, 0x7e],
      [1, 0x7c],
    ],
    finite: [
      [0xff, 0x7b],
      [0xff, 0xfb],
    ],
  },
  BF16: {
    notFinite: [
      [0x80, 0x7f],
      [0x80, 0xff],
      [0xc0, 0x7f],
      [0x81, 0x7f],
    ],
    finite: [
      [0x7f, 0x7f],
      [0x7f, 0xff],
    ],
  },
};
const names = ['F32', 'F64', 'F16', 'BF16'] as const;

/** A tensor of `count` elements at any offset of a shared file, surrounded by bytes that are not finite. */
function fileOf(dtype: Dtype, count: number, byteOffset: number, place: [number, number[]][]) {
  const byteLength = count * dtypes[dtype];
  const bytes = new Uint8Array(new SharedArrayBuffer(byteOffset + byteLength + 16)).fill(0xff);
  const finite = samples[dtype].finite.flat();
  for (let index = 0; index < byteLength; index += 1) bytes[byteOffset + index] = finite[index % finite.length] ?? 0;
  for (const [index, element] of place) bytes.set(element, byteOffset + index * dtypes[dtype]);
  return { bytes, slot: { name: 'w', dtype, shape: [count], byteOffset, byteLength } };
}

describe.each(names)('a tensor of dtype %s', (dtype) => {
  it('is finite up to the largest value, at any offset and whatever lies around it', () => {
    for (let byteOffset = 0; byteOffset <= 8; byteOffset += 1) {
      for (const count of [0, 1, 7, 40_000]) {
        const { bytes, slot } = fileOf(dtype, count, byteOffset, []);
        expect(firstNonFinite(bytes, slot)).toBe(-1);
      }
    }
  });

  it('is not finite where the first NaN or infinity is', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40_000 }),
        fc.integer({ min: 0, max: 8 }),
        fc.array(fc.tuple(fc.nat(39_999), fc.constantFrom(...samples[dtype].notFinite)), {
          minLength: 1,
          maxLength: 3,
        }),
        (count, byteOffset, wanted) => {
          const place = wanted.map(([index, element]): [number, number[]] => [index % count, element]);
          const { bytes, slot } = fileOf(dtype, count, byteOffset, place);
          expect(firstNonFinite(bytes, slot)).toBe(Math.min(...place.map(([index]) => index)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is found not finite in its last element, also past a piece of 64 KiB', () => {
    const count = 70_000 / dtypes[dtype];
    for (const element of samples[dtype].notFinite) {
      const { bytes, slot } = fileOf(dtype, count, 1, [[count - 1, element]]);
      expect(firstNonFinite(bytes, slot)).toBe(count - 1);
    }
  });

  it('may lie in a view that does not begin where its memory does', () => {
    const { bytes, slot } = fileOf(dtype, 5, 3, [[2, samples[dtype].notFinite[0] ?? []]]);
    const memory = new Uint8Array(bytes.byteLength + 5);
    memory.set(bytes, 5);
    expect(firstNonFinite(memory.subarray(5), slot)).toBe(2);
  });
});
