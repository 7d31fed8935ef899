import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { reasonSentence } from '../../src/domain/selection-reason.ts';
import { quotasOf } from '../../src/selection/quotas.ts';
import { stratifiedBy } from '../../src/selection/stratified.ts';
import { Population } from './population.ts';

describe('quotas', () => {
  it('are the exact shares where these are whole, and one more or less where they are not', () => {
    expect(quotasOf([60, 30, 10], 20, 0.99)).toEqual([12, 6, 2]);
    // Shares of 10 seats: 4.7, 3.1, 2.2, which end at 4.7, 7.8 and 10; counting begins at 0, 0.25 and 0.5.
    expect(quotasOf([47, 31, 22], 10, 0)).toEqual([4, 3, 3]);
    expect(quotasOf([47, 31, 22], 10, 0.25)).toEqual([4, 4, 2]);
    expect(quotasOf([47, 31, 22], 10, 0.5)).toEqual([5, 3, 2]);
    expect(quotasOf([2, 0], 5, 0)).toEqual([2, 0]);
    expect(quotasOf([0], 5, 0)).toEqual([0]);
    expect(quotasOf([], 5, 0)).toEqual([]);
  });

  it('add up, are within one of the exact share, and never exceed the size', () => {
    const sizes = fc.array(fc.nat({ max: 1_000_000 }), { minLength: 1, maxLength: 50 });
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(sizes, fc.nat({ max: 1_000_000 }), unit, (of, seats, from) => {
        const total = of.reduce((sum, size) => sum + size, 0);
        const quotas = quotasOf(of, seats, from);
        expect(quotas.reduce((sum, quota) => sum + quota, 0)).toBe(Math.min(seats, total));
        for (const [index, quota] of quotas.entries()) {
          const size = of[index] ?? 0;
          expect(quota).toBeLessThanOrEqual(size);
          if (total > 0) expect(Math.abs(quota - (Math.min(seats, total) * size) / total)).toBeLessThan(1);
        }
      }),
    );
  });

  it('are the exact shares on average, also of a single seat', () => {
    const sums = [0, 0, 0];
    for (let at = 0; at < 100; at += 1) {
      for (const [index, quota] of quotasOf([60, 30, 10], 1, at / 100).entries())
        sums[index] = (sums[index] ?? 0) + quota;
    }
    expect(sums).toEqual([60, 30, 10]);
  });
});

describe('stratified selection', () => {
  const mixed = () =>
    new Population([
      ...Array.from({ length: 60 }, () => ({ attributes: { region: 'eu' } })),
      ...Array.from({ length: 30 }, () => ({ attributes: { region: 'us' } })),
      ...Array.from({ length: 10 }, () => ({})),
    ]);

  it('represents each value in proportion, those without the attribute too', () => {
    const population = mixed();
    const selection = population.ask(stratifiedBy('region'), 20, seededRandom(1));
    const regions = population
      .slotsOf(selection)
      .map((slot) => population.registry.profileOf(slot).attributes?.region ?? 'none');
    const countOf = (region: string) => regions.filter((other) => other === region).length;
    expect([countOf('eu'), countOf('us'), countOf('none')]).toEqual([12, 6, 2]);
  });

  it('says how many of the same value were drawn', () => {
    const population = mixed();
    const { explain } = population.ask(stratifiedBy('region'), 20, seededRandom(1));
    const sentences = [0, 60, 90].map((slot) => reasonSentence(explain(population.registry.idOf(slot))));
    expect(sentences.map((sentence) => sentence.replace(/^not /, ''))).toEqual([
      'drawn: 12 of 60 clients whose attributes.region is "eu" were drawn with equal chance',
      'drawn: 6 of 30 clients whose attributes.region is "us" were drawn with equal chance',
      'drawn: 2 of 10 clients without attributes.region were drawn with equal chance',
    ]);
  });

  it('reads what clients gave, not what every object has', () => {
    const population = new Population([{ attributes: { region: 'eu' } }, {}]);
    const { explain } = population.ask(stratifiedBy('constructor'), 1, seededRandom(1));
    expect(explain(population.registry.idOf(0))).toMatchObject({ value: null, of: 2 });
  });

  it('tells a number from the text of it', () => {
    const population = new Population([{ attributes: { tier: 1 } }, { attributes: { tier: '1' } }]);
    const { explain } = population.ask(stratifiedBy('tier'), 1, seededRandom(1));
    expect(explain(population.registry.idOf(0))).toMatchObject({ value: 1, of: 1 });
    expect(explain(population.registry.idOf(1))).toMatchObject({ value: '1', of: 1 });
  });

  it('draws the clients of too many different values from one stratum', () => {
    const population = new Population(Array.from({ length: 1_500 }, (_, id) => ({ attributes: { id } })));
    const selection = population.ask(stratifiedBy('id'), 150, seededRandom(1));
    const slots = population.slotsOf(selection);
    expect(new Set(slots).size).toBe(150);
    // 500 of 1,500 are beyond the bound, so a third of the cohort is theirs.
    expect(slots.map((slot) => selection.explain(population.registry.idOf(slot)))).toContainEqual(
      expect.objectContaining({ value: 'one of many others', drawn: 50, of: 500 }),
    );
  });
});
