import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Comparator, groupsOf, sortingNetwork } from '../../src/aggregator/kernels/sorting-network.ts';

const apply = (comparators: readonly Comparator[], values: readonly number[]): number[] => {
  const wires = [...values];
  for (const { low, high, wanted } of comparators) {
    const [a = 0, b = 0] = [wires[low], wires[high]];
    wires[low] = wanted === 'high' ? Number.NaN : Math.min(a, b);
    wires[high] = wanted === 'low' ? Number.NaN : Math.max(a, b);
  }
  return wires;
};

describe('a sorting network', () => {
  it('sorts every pattern of zeros and ones, so everything, for each size up to 10', () => {
    for (let count = 1; count <= 10; count += 1) {
      const network = sortingNetwork(count, 0, count);
      for (let pattern = 0; pattern < 2 ** count; pattern += 1) {
        const bits = Array.from({ length: count }, (_, wire) => (pattern >> wire) & 1);
        expect(apply(network, bits)).toEqual(bits.toSorted());
      }
    }
  });

  it('puts the wanted positions right, in groups as well as one by one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 70 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 2, max: 16 }),
        (values, a, b, wiresMax) => {
          const [from, last] = [a % values.length, b % values.length].sort((x, y) => x - y) as [number, number];
          const network = sortingNetwork(values.length, from, last + 1);
          const groups = groupsOf(network, wiresMax);
          const expected = values.toSorted((x, y) => x - y).slice(from, last + 1);
          expect(apply(network, values).slice(from, last + 1)).toEqual(expected);
          expect(
            apply(
              groups.flatMap(({ comparators }) => comparators),
              values,
            ).slice(from, last + 1),
          ).toEqual(expected);
          for (const { wires, comparators } of groups) {
            expect(wires.length).toBeLessThanOrEqual(wiresMax);
            expect(comparators.every(({ low, high }) => wires.includes(low) && wires.includes(high))).toBe(true);
          }
        },
      ),
    );
  });

  it('leaves out what the median does not depend on', () => {
    expect(sortingNetwork(50, 0, 50)).toHaveLength(403);
    expect(sortingNetwork(50, 24, 26)).toHaveLength(330);
  });
});
