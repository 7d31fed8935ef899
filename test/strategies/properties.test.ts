import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { strategyCatalogue } from '../../src/strategies/catalogue.ts';
import { strategyOf, Training, type Update } from './drive.ts';

const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1_000, max: 1_000 });
const updatesOf = (
  minLength: number,
  maxLength: number,
  elements: fc.Arbitrary<number> = fc.integer({ min: 0, max: 9 }),
) =>
  elements.chain((count) =>
    fc.array(
      fc.record({
        numExamples: fc.integer({ min: 1, max: 1_000 }),
        metrics: fc.record({
          loss: fc.float({ noNaN: true, min: Math.fround(0.01), max: 10 }),
          local_steps: fc.integer({ min: 1, max: 50 }),
        }),
        values: fc.array(value, { minLength: count, maxLength: count }),
      }),
      { minLength, maxLength },
    ),
  );

const roundOf = (name: string, updates: readonly Update[], memory: 'wasm' | 'plain' = 'wasm'): number[] => {
  const model = (updates[0]?.values ?? []).map((_, index) => Math.sin(index));
  return new Training(strategyOf(name), model, { memory }).round(updates);
};
const columnOf = (updates: readonly Update[], index: number): number[] =>
  updates.map(({ values }) => values[index] ?? 0);

/** The order of sums differs; and of equals Krum takes the first accepted, so that equals are left out there. */
const exactlySymmetric = ['fedmedian', 'trimmed-mean'];

describe('every strategy', () => {
  it.each(strategyCatalogue.map(({ name }) => name))(
    '%s gives the same when the contributions come in another order, but for the rounding of sums',
    (name) => {
      fc.assert(
        fc.property(updatesOf(7, 12), fc.nat(), (updates, seed) => {
          // A seeded shuffle, so that a failure shows only the updates and a number.
          const key = (index: number) => Math.sin((index + 1) * (seed + 1));
          const shuffled = updates
            .map((update, index) => ({ update, at: key(index) }))
            .sort((a, b) => a.at - b.at)
            .map(({ update }) => update);
          const [one, other] = [roundOf(name, updates), roundOf(name, shuffled)];
          if (exactlySymmetric.includes(name)) expect(other).toEqual(one);
          else if (!isTied(updates)) {
            one.forEach((element, index) => {
              expect(Math.abs(element - (other[index] ?? 0))).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(element)));
            });
          }
        }),
        { numRuns: 60 },
      );
    },
  );

  it.each(strategyCatalogue.map(({ name }) => name))(
    '%s gives the same bits in WebAssembly memory and in plain memory',
    (name) => {
      fc.assert(
        fc.property(updatesOf(7, 12), (updates) => {
          expect(roundOf(name, updates, 'plain')).toEqual(roundOf(name, updates, 'wasm'));
        }),
        { numRuns: 40 },
      );
    },
  );
});

/** Whether two updates may be as far from their neighbours as each other; then order may decide. */
function isTied(updates: readonly Update[]): boolean {
  const distances = updates.flatMap((a, i) =>
    updates.slice(i + 1).map((b) => a.values.reduce((sum, x, index) => sum + (x - (b.values[index] ?? 0)) ** 2, 0)),
  );
  const sorted = distances.toSorted((a, b) => a - b);
  // Scores are sums of these; with a coordinate or two, different sums are often equal.
  return (
    (updates[0]?.values.length ?? 0) < 4 ||
    sorted.some((distance, index) => index > 0 && distance - (sorted[index - 1] ?? 0) <= 1e-6 * (1 + distance))
  );
}

/** Honest updates, and hostile ones that may hold anything. */
const attacked = (honestMin: (hostile: number) => number) =>
  fc
    .record({ hostile: fc.integer({ min: 0, max: 3 }), size: fc.integer({ min: 1, max: 6 }) })
    .chain(({ hostile, size }) =>
      fc.record({
        honest: updatesOf(honestMin(hostile), honestMin(hostile) + 4, fc.constant(size)),
        hostile: fc.array(
          fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: size, maxLength: size }),
          { minLength: hostile, maxLength: hostile },
        ),
      }),
    );
const asUpdate = (values: number[]): Update => ({ numExamples: 1, metrics: {}, values });

describe('hostile contributions', () => {
  it('cannot move a median out of what honest ones say, as long as those are more', () => {
    fc.assert(
      fc.property(
        attacked((hostile) => hostile + 1),
        ({ honest, hostile }) => {
          const result = roundOf('fedmedian', [...honest, ...hostile.map(asUpdate)]);
          result.forEach((element, index) => {
            expect(element).toBeGreaterThanOrEqual(Math.min(...columnOf(honest, index)));
            expect(element).toBeLessThanOrEqual(Math.max(...columnOf(honest, index)));
          });
        },
      ),
    );
  });

  it('cannot move a trimmed mean out of it, as long as no more are hostile than are trimmed', () => {
    fc.assert(
      fc.property(
        attacked((hostile) => hostile + 1),
        ({ honest, hostile }) => {
          const model = (honest[0]?.values ?? []).map(() => 0);
          const strategy = strategyOf('trimmed-mean', { trimCount: hostile.length });
          const result = new Training(strategy, model).round([...hostile.map(asUpdate), ...honest]);
          result.forEach((element, index) => {
            const [least, most] = [Math.min(...columnOf(honest, index)), Math.max(...columnOf(honest, index))];
            // A mean of float32 values, rounded in float64.
            const rounding = 1e-14 * Math.max(Math.abs(least), Math.abs(most));
            expect(element).toBeGreaterThanOrEqual(least - rounding);
            expect(element).toBeLessThanOrEqual(most + rounding);
          });
        },
      ),
    );
  });

  it('are not what Krum picks when they are far from honest ones, though they agree with each other', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }).chain((byzantineMax) =>
          fc.record({
            byzantineMax: fc.constant(byzantineMax),
            honest: updatesOf(byzantineMax + 3, byzantineMax + 8, fc.constant(4)),
            far: fc.float({ noNaN: true, min: 1e7, max: Math.fround(3e38) }),
          }),
        ),
        ({ byzantineMax, honest, far }) => {
          const hostile = Array.from({ length: byzantineMax }, () => asUpdate([far, far, -far, far]));
          for (const name of ['krum', 'multi-krum']) {
            const strategy = strategyOf(name, { byzantineMax });
            const result = new Training(strategy, [0, 0, 0, 0]).round([...hostile, ...honest]);
            if (name === 'krum') expect(honest.some(({ values }) => values.join() === result.join())).toBe(true);
            else expect(Math.max(...result.map(Math.abs))).toBeLessThanOrEqual(1_000);
          }
        },
      ),
    );
  });

  it('do not get through Bulyan in one coordinate either', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 2).chain((byzantineMax) =>
          fc.record({
            byzantineMax: fc.constant(byzantineMax),
            honest: updatesOf(3 * byzantineMax + 3, 3 * byzantineMax + 6, fc.constant(5)),
            off: fc.float({ noNaN: true, min: 2_000, max: Math.fround(3e38) }),
          }),
        ),
        ({ byzantineMax, honest, off }) => {
          const hostile = Array.from({ length: byzantineMax }, () => asUpdate((honest[0]?.values ?? []).with(2, off)));
          const strategy = strategyOf('bulyan', { byzantineMax });
          const result = new Training(strategy, [0, 0, 0, 0, 0]).round([...honest, ...hostile]);
          result.forEach((element, index) => {
            expect(element).toBeGreaterThanOrEqual(Math.min(...columnOf(honest, index)) - 1e-9);
            expect(element).toBeLessThanOrEqual(Math.max(...columnOf(honest, index)) + 1e-9);
          });
        },
      ),
    );
  });

  it('move the geometric median little, however far away they are', () => {
    const honest = [
      [1, 1],
      [1.25, 1],
      [1, 1.25],
      [0.75, 1],
      [1, 0.75],
    ].map(asUpdate);
    for (const far of [1e3, 1e9, 1e30]) {
      const strategy = strategyOf('rfa', { iterations: 100 });
      const [x = 0, y = 0] = new Training(strategy, [0, 0]).round([...honest, asUpdate([far, -far])]);
      expect(Math.hypot(x - 1, y - 1)).toBeLessThan(0.25);
    }
  });
});
