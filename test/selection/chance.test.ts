import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { reasonSentence } from '../../src/domain/selection-reason.ts';
import { drawsFrom } from '../../src/selection/draws.ts';
import type { ExplainedPolicy } from '../../src/selection/policy.ts';
import { stratifiedBy } from '../../src/selection/stratified.ts';
import { uniform } from '../../src/selection/uniform.ts';
import { weighted } from '../../src/selection/weighted.ts';
import { crowd, type Population } from './population.ts';

/** How often each slot was chosen in so many independent selections. */
function timesChosen(population: Population, policy: ExplainedPolicy, count: number, selections: number): number[] {
  const random = seededRandom(11);
  const times = Array.from({ length: population.candidates.count }, () => 0);
  for (let selection = 0; selection < selections; selection += 1) {
    for (const slot of population.slotsOf(population.ask(policy, count, random))) times[slot] = (times[slot] ?? 0) + 1;
  }
  return times;
}

const learnt = (population: Population, slot: number, numExamples: number) =>
  population.history.reported(slot, { ms: 1, numExamples, metrics: {} });

describe('a draw by slot', () => {
  it('is uniform, independent of the slot, and the same when asked again', () => {
    const draws = drawsFrom(seededRandom(1));
    const size = 100_000;
    const units = Array.from({ length: size }, (_, slot) => draws.unit(slot));
    expect(units.every((unit) => unit > 0 && unit < 1)).toBe(true);
    const mean = units.reduce((sum, unit) => sum + unit, 0) / size;
    // Six standard deviations of the mean of so many, and about as many of the serial correlation.
    expect(Math.abs(mean - 0.5)).toBeLessThan((6 * Math.sqrt(1 / 12)) / Math.sqrt(size));
    const products = units.slice(1).map((unit, index) => (unit - 0.5) * ((units[index] ?? 0) - 0.5));
    const correlation = (12 * products.reduce((sum, product) => sum + product, 0)) / size;
    expect(Math.abs(correlation)).toBeLessThan(6 / Math.sqrt(size));
    expect(draws.unit(17)).toBe(units[17]);
  });
});

describe('uniform selection', () => {
  it.each([
    ['uniform', uniform],
    ['within one stratum', stratifiedBy('region')],
    ['weighted, when nothing is known of anybody', weighted],
  ])('chooses each client equally often: %s', (_, policy) => {
    const times = timesChosen(crowd(10), policy, 3, 6_000);
    // 6,000 × 3/10 with a standard deviation of 35; five of them for ten clients.
    for (const count of times) expect(Math.abs(count - 1_800)).toBeLessThan(180);
  });

  it('says with what chance', () => {
    const population = crowd(4_000);
    const { clientIds, explain } = population.ask(uniform, 30, seededRandom(1));
    const [drawn = ''] = clientIds;
    const others = Array.from({ length: 31 }, (_, slot) => population.registry.idOf(slot));
    const notDrawn = others.find((clientId) => !clientIds.includes(clientId)) ?? '';
    expect(reasonSentence(explain(drawn))).toBe('drawn: 30 of 4,000 were drawn with equal chance');
    expect(reasonSentence(explain(notDrawn))).toBe('not drawn: 30 of 4,000 were drawn with equal chance');
  });
});

describe('weighted selection', () => {
  it('draws one client in proportion to examples', () => {
    const population = crowd(3);
    learnt(population, 0, 100);
    learnt(population, 1, 200);
    learnt(population, 2, 700);
    const times = timesChosen(population, weighted, 1, 10_000);
    for (const [slot, expected] of [1_000, 2_000, 7_000].entries()) {
      expect(Math.abs((times[slot] ?? 0) - expected)).toBeLessThan(250);
    }
  });

  it('draws two without replacement as one after the other', () => {
    const population = crowd(3);
    learnt(population, 0, 1);
    learnt(population, 1, 2);
    learnt(population, 2, 3);
    const times = timesChosen(population, weighted, 2, 12_000);
    // Left out is c when a and b come first: 1/6·2/5 + 2/6·1/4 = 3/20; so for b 1/6·3/5 + 3/6·1/3 = 4/15; for a 7/12.
    for (const [slot, leftOut] of [7 / 12, 4 / 15, 3 / 20].entries()) {
      expect(Math.abs((times[slot] ?? 0) - 12_000 * (1 - leftOut))).toBeLessThan(280);
    }
  });

  it('counts a client that has not contributed as the mean of the others, and says so', () => {
    const population = crowd(3);
    learnt(population, 0, 100);
    learnt(population, 1, 300);
    const times = timesChosen(population, weighted, 1, 6_000);
    expect(Math.abs((times[2] ?? 0) - 2_000)).toBeLessThan(190);
    const { explain } = population.ask(weighted, 3, seededRandom(1));
    const sentences = [0, 1, 2].map((slot) => reasonSentence(explain(population.registry.idOf(slot))));
    expect(sentences).toEqual([
      'drawn: 3 of 3 were drawn in proportion to examples, it with 100 examples',
      'drawn: 3 of 3 were drawn in proportion to examples, it with 300 examples',
      'drawn: 3 of 3 were drawn in proportion to examples, it with 201 examples (the mean; its own are not known)',
    ]);
  });

  it('explains with what was known when it chose', () => {
    const population = crowd(2);
    learnt(population, 0, 10);
    learnt(population, 1, 10);
    const { explain } = population.ask(weighted, 2, seededRandom(1));
    learnt(population, 0, 5_000);
    expect(explain(population.registry.idOf(0))).toMatchObject({ examples: 10, known: true });
  });
});
