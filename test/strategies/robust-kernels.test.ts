import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkedInKernels, compiledKernels } from '../../scripts/build-kernels.ts';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { referenceRobustKernels } from '../../src/aggregator/kernels/robust-reference.ts';
import { type RobustKernels, robustScratchBytes } from '../../src/aggregator/kernels/robust-types.ts';
import { sorterRowsMax } from '../../src/aggregator/kernels/sorter.ts';
import { wasmRobustKernels } from '../../src/aggregator/kernels/wasm-robust.ts';
import { bufferOf, type Span } from '../../src/aggregator/shared-memory.ts';
import { type Dtype, dtypes } from '../../src/domain/model.ts';
import { float32ToBf16, float32ToF16 } from '../../src/wire/half.ts';

const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 24 });
const { arena } = arenas.allocate(64);
if (!(arena.memory instanceof WebAssembly.Memory)) throw new Error('The arena is no WebAssembly memory');
const compiled = wasmRobustKernels(arena.id, arena.memory);
const names = Object.keys(dtypes) as Dtype[];

function placed(dtype: Dtype, values: readonly number[], shift: number): Span {
  const size = dtypes[dtype];
  const span = arenas.allocate(values.length * size + shift + 8);
  const view = new DataView(bufferOf(span.arena), span.at + shift, values.length * size);
  values.forEach((value, index) => {
    if (dtype === 'F32') view.setFloat32(index * size, value, true);
    else if (dtype === 'F64') view.setFloat64(index * size, value, true);
    else view.setUint16(index * size, dtype === 'F16' ? float32ToF16(value) : float32ToBf16(value), true);
  });
  return { ...span, at: span.at + shift };
}

const bitsOf = (values: Float64Array): string => Buffer.from(values.slice().buffer).toString('hex');

/** Runs the kernels over updates that lie at these shifts; the values after the result must stay as they were. */
function results(dtype: Dtype, updates: { values: number[]; shift: number }[], count: number, act: Act): string[] {
  const spans = updates.map(({ values, shift }) => placed(dtype, values, shift));
  const scratch = arenas.allocate(robustScratchBytes(updates.length));
  const into = arenas.allocate((count + 1) * 8);
  const bits = [compiled, referenceRobustKernels].map((kernels) => {
    const result = new Float64Array(bufferOf(into.arena), into.at, count + 1).fill(7);
    const measured = act(kernels, spans, into, scratch);
    expect(result[count]).toBe(7);
    return bitsOf(measured ?? result);
  });
  spans.forEach((span, index) => {
    arenas.free({ ...span, at: span.at - (updates[index]?.shift ?? 0) });
  });
  arenas.free(scratch);
  arenas.free(into);
  return bits;
}
type Act = (kernels: RobustKernels, spans: readonly Span[], into: Span, scratch: Span) => Float64Array | undefined;

const magnitude = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: -60_000, max: 60_000 }),
  fc.constantFrom(0, -0, 1, 1, -1, 2 ** -14, 2 ** -24, -(2 ** -20), 1e-30, 65_504, 1 / 3),
);

const cases = fc
  .record({
    dtype: fc.constantFrom(...names),
    count: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 250, max: 530 })),
    n: fc.oneof(fc.integer({ min: 1, max: 13 }), fc.constantFrom(16, 17, 33)),
  })
  .chain(({ dtype, count, n }) =>
    fc.record({
      dtype: fc.constant(dtype),
      count: fc.constant(count),
      updates: fc.array(
        fc.record({
          // A few values each, repeated: ties, without drawing thousands of numbers.
          drawn: fc.array(magnitude, { minLength: 1, maxLength: 7 }),
          shift: fc.integer({ min: 0, max: 7 }),
        }),
        { minLength: n, maxLength: n },
      ),
      a: fc.nat(1_000),
      b: fc.nat(1_000),
    }),
  )
  .map(({ dtype, count, updates, a, b }) => ({
    dtype,
    count,
    updates: updates.map(({ drawn, shift }) => ({
      values: Array.from({ length: count }, (_, index) => drawn[index % drawn.length] ?? 0),
      shift,
    })),
    a: a % updates.length,
    b: b % updates.length,
  }));

describe('the compiled robust kernels', () => {
  it('are what their source compiles to; when this fails, run "npm run build:kernels"', async () => {
    expect(await compiledKernels('robust')).toBe(await checkedInKernels('robust'));
  }, 60_000);

  it('take means of sorted values to the bits of the reference', () => {
    fc.assert(
      fc.property(cases, ({ dtype, count, updates, a, b }) => {
        const positions = { from: Math.min(a, b), to: Math.max(a, b) + 1 };
        const [ours, reference] = results(dtype, updates, count, (kernels, spans, into, scratch) => {
          kernels.orderedMean(dtype, spans, count, positions, into, scratch);
          return undefined;
        });
        expect(ours).toBe(reference);
      }),
      { numRuns: 300 },
    );
  });

  it('take means around the median to the bits of the reference', () => {
    fc.assert(
      fc.property(cases, ({ dtype, count, updates, a }) => {
        const [ours, reference] = results(dtype, updates, count, (kernels, spans, into, scratch) => {
          kernels.meanAroundMedian(dtype, spans, count, a + 1, into, scratch);
          return undefined;
        });
        expect(ours).toBe(reference);
      }),
      { numRuns: 200 },
    );
  });

  it('measure the distances of each two updates to the bits of the reference', () => {
    fc.assert(
      fc.property(cases, ({ dtype, count, updates }) => {
        const [ours, reference] = results(dtype, updates, count, (kernels, spans, _into, scratch) => {
          const distances = new Float64Array(updates.length ** 2).fill(0.5);
          kernels.addDistances(dtype, spans, count, distances, scratch);
          return distances;
        });
        expect(ours).toBe(reference);
      }),
      { numRuns: 100 },
    );
  });

  it('measure the distance from a centre to the bits of the reference', () => {
    fc.assert(
      fc.property(cases, ({ dtype, count, updates }) => {
        const [ours, reference] = results(dtype, updates, count, (kernels, spans, into) => {
          const centre = new Float64Array(bufferOf(into.arena), into.at, count);
          centre.forEach((_, index) => {
            centre[index] = Math.sin(index) * 100;
          });
          return Float64Array.from(spans, (span) => kernels.squaredDistance(dtype, span, into, count));
        });
        expect(ours).toBe(reference);
      }),
      { numRuns: 100 },
    );
  });

  it('give +0 for zeros of either sign', () => {
    const updates = [-0, 0, -0].map((value) => ({ values: Array.from({ length: 9 }, () => value), shift: 0 }));
    const [ours] = results('F32', updates, 9, (kernels, spans, into, scratch) => {
      kernels.orderedMean('F32', spans, 9, { from: 1, to: 2 }, into, scratch);
      return undefined;
    });
    expect(ours?.slice(0, 9 * 16)).toBe('0'.repeat(9 * 16));
  });

  it.each([50, 100, sorterRowsMax, sorterRowsMax + 1])('sort as many as %i updates', (n) => {
    const updates = Array.from({ length: n }, (_, k) => ({
      values: Array.from({ length: 11 }, (_, index) => Math.sin(k * 31 + index * 7)),
      shift: k % 5,
    }));
    for (const positions of [
      { from: Math.floor((n - 1) / 2), to: Math.floor(n / 2) + 1 },
      { from: 0, to: n },
    ]) {
      const [ours, reference] = results('F32', updates, 11, (kernels, spans, into, scratch) => {
        kernels.orderedMean('F32', spans, 11, positions, into, scratch);
        return undefined;
      });
      expect(ours).toBe(reference);
    }
  });
});
