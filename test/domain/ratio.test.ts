import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ratioCeil, ratioFloor } from '../../src/domain/ratio.ts';

/** A decimal as its user writes it, beside its exact fraction. */
const decimal = fc
  .record({ digits: fc.integer({ min: 0, max: 999_999 }), places: fc.integer({ min: 0, max: 6 }) })
  .map(({ digits, places }) => {
    const text = `${digits}`.padStart(places + 1, '0');
    const written = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
    return { value: Number(written), numerator: BigInt(digits), denominator: 10n ** BigInt(places) };
  });
const count = fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.maxSafeInteger().map(Math.abs));

describe('ratio arithmetic', () => {
  it('equals exact rational arithmetic on the decimal as written', () => {
    fc.assert(
      fc.property(decimal, count, ({ value, numerator, denominator }, clients) => {
        const product = numerator * BigInt(clients);
        expect(BigInt(ratioFloor(value, clients))).toBe(BigInt(Number(product / denominator)));
        expect(BigInt(ratioCeil(value, clients))).toBe(BigInt(Number((product + denominator - 1n) / denominator)));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    [0.07, 100, 7, 7],
    [0.29, 100, 29, 29],
    [0.58, 50, 29, 29],
    [1.1, 10, 11, 11],
    [0.8, 1, 0, 1],
    [1e-7, 10_000_000, 1, 1],
    [1, 12_345, 12_345, 12_345],
    [0, 5, 0, 0],
  ])('%d of %d is %d rounded down and %d rounded up', (ratio, clients, floor, ceil) => {
    expect(ratioFloor(ratio, clients)).toBe(floor);
    expect(ratioCeil(ratio, clients)).toBe(ceil);
  });
});
