import fc from 'fast-check';
import { ChorusError, type ErrorCode } from '../../src/domain/errors.ts';
import { type Dtype, elementCount, type Tensor } from '../../src/domain/model.ts';
import { bf16ToFloat32, f16ToFloat32 } from '../../src/wire/half.ts';

/** Shapes of at most a few hundred elements: scalars, empty ones and odd sizes among them. */
const anyShape: fc.Arbitrary<number[]> = fc.oneof(
  fc.constantFrom<number[]>([], [0], [1], [2, 0, 3], [1, 1, 1, 1, 1, 1, 1, 1]),
  fc.array(fc.integer({ min: 0, max: 7 }), { maxLength: 3 }),
);

const halves = fc.integer({ min: 0, max: 0xffff });

/** Values that the dtype holds exactly. One NaN is like another. */
const exactValue: Record<Dtype, fc.Arbitrary<number>> = {
  F64: fc.double(),
  F32: fc.float(),
  F16: halves.map(f16ToFloat32),
  BF16: halves.map(bf16ToFloat32),
};

export const tensorOf = (dtypes: readonly Dtype[]): fc.Arbitrary<Tensor> =>
  fc.tuple(fc.constantFrom(...dtypes), anyShape).chain(([dtype, shape]) => {
    const count = elementCount(shape);
    return fc.array(exactValue[dtype], { minLength: count, maxLength: count }).map((values) => ({
      dtype,
      shape,
      data: dtype === 'F64' ? Float64Array.from(values) : Float32Array.from(values),
    }));
  });

/** What a codec made of bytes: its answer, or the code of its refusal. Anything else it throws fails the test. */
export function outcomeOf<T>(decode: () => T): { value: T } | { code: ErrorCode } {
  try {
    return { value: decode() };
  } catch (error) {
    if (error instanceof ChorusError) return { code: error.code };
    throw error;
  }
}

export const codeOf = (decode: () => unknown): ErrorCode | 'accepted' => {
  const outcome = outcomeOf(decode);
  return 'code' in outcome ? outcome.code : 'accepted';
};

/** The bytes with one bit of one byte turned over. */
export function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
