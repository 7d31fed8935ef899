import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { reasonSentence } from '../../src/domain/selection-reason.ts';
import { roundRobin } from '../../src/selection/round-robin.ts';
import { crowd } from './population.ts';

const spread = (counts: readonly number[]) => Math.max(...counts) - Math.min(...counts);

describe('round-robin selection', () => {
  it('selects everyone equally often, to within one, whatever the sizes of cohorts', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), sizes, fc.integer(), (clients, cohorts, seed) => {
        const population = crowd(clients);
        const random = seededRandom(seed);
        for (const count of cohorts) {
          population.select(roundRobin, count, random);
          const times = Array.from({ length: clients }, (_, slot) => population.history.timesSelected(slot));
          expect(spread(times)).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('lets a newcomer take its turn like the others, without catching up', () => {
    const population = crowd(4);
    const random = seededRandom(1);
    for (let round = 0; round < 50; round += 1) population.select(roundRobin, 2, random);
    const newcomer = population.join();
    for (let round = 0; round < 20; round += 1) population.select(roundRobin, 2, random);
    // 20 rounds × 2 places among 5.
    expect(Math.abs(population.history.timesSelected(newcomer) - 8)).toBeLessThanOrEqual(1);
  });

  it('lets one that was away go on with the others, without catching up', () => {
    const population = crowd(5);
    const random = seededRandom(1);
    const [absent = -1] = population.slotsOf(population.select(roundRobin, 1, random));
    population.registry.apply(absent, 'select');
    for (let round = 0; round < 50; round += 1) population.select(roundRobin, 2, random);
    population.registry.apply(absent, 'roundEnded');
    const before = population.history.timesSelected(absent);
    for (let round = 0; round < 20; round += 1) population.select(roundRobin, 2, random);
    expect(Math.abs(population.history.timesSelected(absent) - before - 8)).toBeLessThanOrEqual(1);
  });

  it('forms other cohorts with each pass', () => {
    const population = crowd(20);
    const random = seededRandom(1);
    const cohorts = Array.from({ length: 40 }, () =>
      population.slotsOf(population.select(roundRobin, 10, random)).sort((a, b) => a - b),
    );
    expect(new Set(cohorts.map((slots) => slots.join())).size).toBeGreaterThan(20);
  });

  it('says how many turns a client had, and which place that gives', () => {
    const population = crowd(3);
    const random = seededRandom(1);
    population.select(roundRobin, 2, random);
    const { clientIds, explain } = population.select(roundRobin, 1, random);
    expect(reasonSentence(explain(clientIds[0] ?? ''))).toBe(
      'chosen: place 1 of 3 in turn, 1 chosen; it had 0 turns when the fewest were 0',
    );
    const others = [0, 1, 2].map((slot) => population.registry.idOf(slot)).filter((id) => id !== clientIds[0]);
    expect(others.map((id) => reasonSentence(explain(id))).sort()).toEqual([
      'not chosen: place 2 of 3 in turn, 1 chosen; it had 1 turn when the fewest were 0',
      'not chosen: place 3 of 3 in turn, 1 chosen; it had 1 turn when the fewest were 0',
    ]);
  });
});
