import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedInKernels, compiledKernels } from '../../scripts/build-kernels.ts';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { kernelsFor } from '../../src/aggregator/kernels/kernels.ts';
import { referenceKernels } from '../../src/aggregator/kernels/reference.ts';
import { bufferOf, bytesOf, type Span } from '../../src/aggregator/shared-memory.ts';
import { type Dtype, dtypes } from '../../src/domain/model.ts';
import { float32ToBf16, float32ToF16 } from '../../src/wire/half.ts';

const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 22 });
const names = Object.keys(dtypes) as Dtype[];

/** Values as bytes of a dtype, in the arena; `shift` puts them at an odd offset. */
function placed(dtype: Dtype, values: readonly number[], shift = 0): { span: Span; at: number } {
  const size = dtypes[dtype];
  const span = arenas.allocate(values.length * size + shift + 8);
  const view = new DataView(bufferOf(span.arena), span.at + shift, values.length * size);
  values.forEach((value, index) => {
    if (dtype === 'F32') view.setFloat32(index * size, value, true);
    else if (dtype === 'F64') view.setFloat64(index * size, value, true);
    else view.setUint16(index * size, dtype === 'F16' ? float32ToF16(value) : float32ToBf16(value), true);
  });
  return { span, at: span.at + shift };
}

function sumOf(initial: readonly number[]): Span {
  const span = arenas.allocate(initial.length * 8 + 8);
  new Float64Array(bufferOf(span.arena), span.at, initial.length).set(initial);
  return span;
}

const valuesAt = (span: Span, count: number): number[] => [...new Float64Array(bufferOf(span.arena), span.at, count)];
const bitsOf = (values: readonly number[]): string => Buffer.from(new Float64Array(values).buffer).toString('hex');

const magnitude = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -60_000, max: 60_000 }),
  fc.constantFrom(0, -0, 2 ** -14, 2 ** -24, -(2 ** -20), 1e-30, 65_504, 1 / 3),
);

describe('the compiled kernels', () => {
  it('are what their source compiles to; when this fails, run "npm run build:kernels"', async () => {
    expect(await compiledKernels()).toBe(await checkedInKernels());
  }, 60_000);

  it('fold to the bits of the reference, for each dtype, size, alignment and number of updates', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.integer({ min: 0, max: 67 }).chain((count) =>
          fc.record({
            initial: fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
              minLength: count,
              maxLength: count,
            }),
            updates: fc.array(
              fc.record({
                values: fc.array(magnitude, { minLength: count, maxLength: count }),
                weight: fc.integer({ min: 1, max: 1_000_000 }),
                shift: fc.integer({ min: 0, max: 7 }),
              }),
              { maxLength: 9 },
            ),
          }),
        ),
        (dtype, { initial, updates }) => {
          const sources = updates.map(({ values, weight, shift }) => ({ ...placed(dtype, values, shift), weight }));
          const weighted = sources.map(({ span, at, weight }) => ({ arena: span.arena, at, weight }));
          const [compiled, plain] = [sumOf(initial), sumOf(initial)];
          kernelsFor(compiled.arena).fold(dtype, compiled, initial.length, weighted);
          referenceKernels.fold(dtype, plain, initial.length, weighted);
          const count = initial.length;
          expect(bitsOf(valuesAt(compiled, count))).toBe(bitsOf(valuesAt(plain, count)));
          for (const { span } of sources) arenas.free(span);
          arenas.free(compiled);
          arenas.free(plain);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('give the same bits whether updates are folded one, two or four at a time', () => {
    const values = Array.from({ length: 37 }, (_, index) => Math.sin(index) * 10 ** ((index % 9) - 4));
    const sources = Array.from({ length: 11 }, (_, k) => {
      const { span, at } = placed(
        'F32',
        values.map((value) => value * (k + 1)),
      );
      return { arena: span.arena, at, weight: 3 * k + 1 };
    });
    const folded = [1, 2, 4, 11].map((atOnce) => {
      const sum = sumOf(values.map(() => 0));
      for (let next = 0; next < sources.length; next += atOnce) {
        kernelsFor(sum.arena).fold('F32', sum, values.length, sources.slice(next, next + atOnce));
      }
      return bitsOf(valuesAt(sum, values.length));
    });
    expect(new Set(folded).size).toBe(1);
  });

  it.each(names)('find what is not finite in %s, wherever it is, and nothing else', (dtype) => {
    for (const count of [1, 7, 8, 9, 31, 70]) {
      const values = Array.from({ length: count }, (_, index) => index - 3.5);
      const clean = placed(dtype, values, 1);
      const squares = values.reduce((sum, value) => sum + value ** 2, 0);
      const { span, at } = clean;
      expect(kernelsFor(span.arena).check(dtype, { arena: span.arena, at }, count)).toBeCloseTo(squares, 6);
      for (const kernels of [kernelsFor(span.arena), referenceKernels]) {
        expect(kernels.areFinite(dtype, { arena: span.arena, at }, count)).toBe(true);
      }
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (let index = 0; index < count; index += 1) {
          const spoilt = placed(dtype, values.with(index, bad), index % 3);
          const place = { arena: spoilt.span.arena, at: spoilt.at };
          expect(kernelsFor(place.arena).check(dtype, place, count)).toBeNaN();
          for (const kernels of [kernelsFor(place.arena), referenceKernels]) {
            expect(kernels.areFinite(dtype, place, count)).toBe(false);
          }
          arenas.free(spoilt.span);
        }
      }
      arenas.free(span);
    }
  });

  it('take the largest finite values for finite', () => {
    for (const [dtype, largest] of [
      ['F32', 3.4028234663852886e38],
      ['F16', 65_504],
      ['BF16', 3.3895313892515355e38],
    ] as const) {
      const { span, at } = placed(
        dtype,
        Array.from({ length: 33 }, () => largest),
      );
      expect(kernelsFor(span.arena).check(dtype, { arena: span.arena, at }, 33)).not.toBeNaN();
      expect(kernelsFor(span.arena).areFinite(dtype, { arena: span.arena, at }, 33)).toBe(true);
      arenas.free(span);
    }
  });

  it('divide and narrow as the reference does, in place', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 1_000_000 }),
        (values, divisor) => {
          const results = [kernelsFor(sumOf([]).arena), referenceKernels].map((kernels) => {
            const sum = sumOf(values);
            kernels.divide(sum, values.length, divisor);
            const mean = bitsOf(valuesAt(sum, values.length));
            kernels.narrow(sum, values.length);
            const narrow = Buffer.from(bytesOf(sum, values.length * 4)).toString('hex');
            arenas.free(sum);
            return `${mean} ${narrow}`;
          });
          expect(results[0]).toBe(results[1]);
          const expected = Buffer.from(Float32Array.from(values, (value) => value / divisor).buffer).toString('hex');
          expect(results[0]?.split(' ')[1]).toBe(expected);
        },
      ),
    );
  });
});
