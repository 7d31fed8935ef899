import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { oort } from '../../src/selection/oort.ts';
import { Pacer } from '../../src/selection/pacer.ts';
import { crowd } from './population.ts';

/** As many rounds, each of which brings so much. */
function play(pacer: Pacer, rounds: number, utility: number, isCommitted = true): void {
  for (let round = 0; round < rounds; round += 1) {
    pacer.gained(utility);
    pacer.roundEnded(isCommitted);
  }
}

describe('the pacer', () => {
  it('takes a step when 20 rounds brought less than the 20 before, and none while they bring as much or more', () => {
    const pacer = new Pacer();
    play(pacer, 20, 10);
    play(pacer, 20, 10);
    play(pacer, 20, 11);
    expect(pacer.steps).toBe(0);
    play(pacer, 19, 10.9);
    expect(pacer.steps).toBe(0);
    play(pacer, 1, 10.9);
    expect(pacer.steps).toBe(1);
    // The next is held against these, not against the best there were.
    play(pacer, 20, 10.9);
    expect(pacer.steps).toBe(1);
    play(pacer, 20, 10.8);
    expect(pacer.steps).toBe(2);
  });

  it('counts committed rounds only, and no utility that is not known', () => {
    const pacer = new Pacer();
    play(pacer, 20, 10);
    play(pacer, 100, 0, false);
    pacer.gained(Number.NaN);
    play(pacer, 20, 10);
    expect(pacer.steps).toBe(0);
  });

  it('begins anew with a run, whose losses are as large as those of the last one were at first', () => {
    const pacer = new Pacer();
    play(pacer, 20, 10);
    play(pacer, 20, 9);
    pacer.runBegan();
    expect(pacer.steps).toBe(0);
    play(pacer, 20, 8);
    expect(pacer.steps).toBe(0);
  });

  it('lets slow clients in, step by step', () => {
    const population = crowd(2);
    const { history } = population;
    history.roundBegan();
    // The slow one has eight times as much to teach, and takes three times the preferred time.
    history.reported(0, { ms: 300, numExamples: 1, metrics: { loss: 8 } });
    history.reported(1, { ms: 100, numExamples: 1, metrics: { loss: 1 } });
    const policy = oort({
      ...{ explorationStart: 0, explorationDecay: 1, explorationMin: 0 },
      ...{ reportMsPreferred: 100, pacerStepMs: 100, slownessPenalty: 2 },
    });
    const chosen = () => population.slotsOf(population.ask(policy, 1, seededRandom(1)));
    expect(chosen()).toEqual([1]);
    play(history.pacer, 20, 10);
    play(history.pacer, 20, 9);
    // (200 / 300)² · 8 is more than 1.
    expect(chosen()).toEqual([0]);
  });
});
