import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { reasonSentence } from '../../src/domain/selection-reason.ts';
import { type OortOptions, oort } from '../../src/selection/oort.ts';
import { crowd, type Population } from './population.ts';

const base: OortOptions = {
  explorationStart: 0.2,
  explorationDecay: 1,
  explorationMin: 0.2,
  reportMsPreferred: null,
  pacerStepMs: null,
  slownessPenalty: 2,
};
const onlyKnown = { ...base, explorationStart: 0, explorationMin: 0 };

interface Known {
  loss: number;
  ms?: number;
  numExamples?: number;
}

function learnt(population: Population, slot: number, { loss, ms = 100, numExamples = 1 }: Known): void {
  population.history.selected(slot);
  population.history.reported(slot, { ms, numExamples, metrics: { loss } });
}

/** Clients of which these things are known, and so many more of which nothing is. */
function crowdWith(known: readonly Known[], unknown = 0): Population {
  const population = crowd(known.length + unknown);
  population.round = 1;
  population.history.roundBegan();
  for (const [slot, past] of known.entries()) learnt(population, slot, past);
  return population;
}

const chosenBy = (population: Population, options: OortOptions, count: number, seed = 1) =>
  population.slotsOf(population.ask(oort(options), count, seededRandom(seed)));

describe('selection by utility', () => {
  it('takes those with the most to learn from, by examples times loss', () => {
    const population = crowdWith([
      { loss: 1, numExamples: 10 },
      { loss: 3, numExamples: 10 },
      { loss: 1, numExamples: 40 },
      { loss: 2, numExamples: 10 },
    ]);
    expect(chosenBy(population, onlyKnown, 2).sort()).toEqual([1, 2]);
  });

  it('passes over slow clients: one that takes three times the preferred time counts nine times less', () => {
    const population = crowdWith([
      { loss: 8, ms: 300 },
      { loss: 1, ms: 100 },
    ]);
    const options = { ...onlyKnown, reportMsPreferred: 100 };
    expect(chosenBy(population, options, 1)).toEqual([1]);
    expect(chosenBy(population, { ...options, slownessPenalty: 0 }, 1)).toEqual([0]);
    const { explain } = population.ask(oort(options), 1, seededRandom(1));
    expect(explain(population.registry.idOf(0))).toMatchObject({ rank: 2, utility: expect.closeTo(1 / 9, 6) });
    expect(explain(population.registry.idOf(1))).toMatchObject({ rank: 1, utility: expect.closeTo(1 / 8, 6) });
  });

  it('takes the 80th percentile of reporting times for preferred, unless told', () => {
    const population = crowdWith([100, 100, 100, 100, 200].map((ms) => ({ loss: 1, ms })));
    const { explain } = population.ask(oort(onlyKnown), 1, seededRandom(1));
    expect(explain(population.registry.idOf(4))).toMatchObject({ utility: expect.closeTo(0.25, 6), rank: 5 });
    expect(explain(population.registry.idOf(0))).toMatchObject({ utility: 1 });
  });

  it('counts a client half for each selection in a row that it did not see through', () => {
    const population = crowdWith([{ loss: 3 }, { loss: 1 }]);
    population.history.failed(0);
    expect(chosenBy(population, onlyKnown, 1)).toEqual([0]);
    population.history.failed(0);
    expect(chosenBy(population, onlyKnown, 1)).toEqual([1]);
  });

  it('comes back to clients that were not tried for long', () => {
    const population = crowdWith([{ loss: 1 }, { loss: 1.3 }]);
    for (let round = 0; round < 100; round += 1) population.history.roundBegan();
    learnt(population, 1, { loss: 1.3 });
    // sqrt(0.1 · ln 101 / 1) = 0.68 for the one, sqrt(0.1 · ln 101 / 101) = 0.07 for the other.
    expect(chosenBy(population, onlyKnown, 1)).toEqual([0]);
  });

  it('is not led astray by a few clients that exaggerate', () => {
    const population = crowdWith([
      { loss: 1e300, numExamples: Number.MAX_SAFE_INTEGER },
      ...Array.from({ length: 99 }, () => ({ loss: 1 })),
    ]);
    let times = 0;
    for (let seed = 0; seed < 200; seed += 1) times += chosenBy(population, onlyKnown, 10, seed).includes(0) ? 1 : 0;
    // It counts as the 95th percentile, like all others: one chance in ten, with a standard deviation of 4.
    expect(times).toBeGreaterThan(2);
    expect(times).toBeLessThan(45);
  });

  it('explores the share it is told: exactly on average, also when that is no whole number of clients', () => {
    const population = crowdWith(
      Array.from({ length: 50 }, () => ({ loss: 1 })),
      50,
    );
    const random = seededRandom(1);
    const exploredOnce = () => population.slotsOf(population.ask(oort(base), 4, random)).filter((slot) => slot >= 50);
    const explored = Array.from({ length: 1_000 }, () => exploredOnce().length);
    expect(new Set(explored)).toEqual(new Set([0, 1]));
    // 0.2 × 4 × 1,000 with a standard deviation of 13.
    expect(Math.abs(explored.reduce((sum, count) => sum + count, 0) - 800)).toBeLessThan(65);
  });

  it('explores less with each round, down to the least share', () => {
    const population = crowdWith(
      Array.from({ length: 50 }, () => ({ loss: 1 })),
      50,
    );
    const options = { ...base, explorationStart: 0.8, explorationDecay: 0.5, explorationMin: 0.2 };
    const exploredIn = (round: number) => {
      population.round = round;
      return chosenBy(population, options, 10).filter((slot) => slot >= 50).length;
    };
    expect([1, 2, 3, 4, 9].map(exploredIn)).toEqual([8, 4, 2, 2, 2]);
  });

  it('explores clients rather that have not failed it', () => {
    const population = crowd(20);
    population.history.roundBegan();
    for (let slot = 0; slot < 10; slot += 1) {
      for (let time = 0; time < 20; time += 1) population.history.failed(slot);
    }
    expect(chosenBy(population, base, 10).every((slot) => slot >= 10)).toBe(true);
  });

  it('fills up with the known where none is left to explore, and the other way round', () => {
    const allKnown = crowdWith(Array.from({ length: 5 }, () => ({ loss: 1 })));
    expect(chosenBy(allKnown, { ...base, explorationStart: 1 }, 4)).toHaveLength(4);
    expect(chosenBy(crowd(5), onlyKnown, 4)).toHaveLength(4);
  });

  it('says rank and utility, or that the client was drawn to learn its utility', () => {
    const population = crowdWith([{ loss: 4 }, { loss: 2 }, { loss: 1 }], 2);
    const { explain } = population.ask(oort({ ...base, explorationStart: 0.5 }), 2, seededRandom(1));
    const sentences = [0, 1, 2].map((slot) => reasonSentence(explain(population.registry.idOf(slot))));
    expect(sentences).toEqual([
      'chosen: rank 1 of 3 by utility 1; 1 was drawn from the best 1',
      'not chosen: rank 2 of 3 by utility 0.5; 1 was drawn from the best 1',
      'not chosen: rank 3 of 3 by utility 0.25; 1 was drawn from the best 1',
    ]);
    const explored = [3, 4].map((slot) => reasonSentence(explain(population.registry.idOf(slot)))).sort();
    expect(explored).toEqual([
      'drawn: 1 of 2 clients of unknown utility was drawn to learn it',
      'not drawn: 1 of 2 clients of unknown utility was drawn to learn it',
    ]);
  });
});
