import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { reasonSentence } from '../../src/domain/selection-reason.ts';
import type { SelectionSettings } from '../../src/domain/selection-settings.ts';
import { choosePolicy } from '../../src/selection/choose-policy.ts';
import type { Candidates, ExplainedPolicy } from '../../src/selection/policy.ts';
import { inRegion, Population, settingsWith } from './population.ts';

const names = ['uniform', 'all', 'weighted', 'round-robin', 'stratified', 'oort'] as const;
const named = (selection: SelectionSettings['selection']) =>
  settingsWith({ selection, selectionAttribute: selection === 'stratified' ? 'region' : null });
const policies: [string, ExplainedPolicy, boolean][] = names.flatMap((name): [string, ExplainedPolicy, boolean][] => [
  [name, choosePolicy(named(name)), false],
  [`${name} behind a filter`, choosePolicy(named(name)), true],
]);

/** What a client is, and what is known of it: any past is possible. */
const client = fc.record({
  region: fc.constantFrom('eu', 'us', null),
  timesSelected: fc.nat({ max: 3 }),
  failed: fc.boolean(),
  report: fc.option(
    fc.record({
      ms: fc.nat({ max: 100_000 }),
      numExamples: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      loss: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
    }),
  ),
});

interface Past {
  region: string | null;
  timesSelected: number;
  failed: boolean;
  report: { ms: number; numExamples: number; loss: number | null } | null;
}

function populationWith(pasts: readonly Past[], isFiltered: boolean): Population {
  const population = new Population(pasts.map(({ region }) => (region === null ? {} : { attributes: { region } })));
  for (const [slot, { timesSelected, failed, report }] of pasts.entries()) {
    population.history.roundBegan();
    for (let time = 0; time < timesSelected; time += 1) population.history.selected(slot);
    if (report) {
      const { ms, numExamples, loss } = report;
      population.history.reported(slot, { ms, numExamples, metrics: loss === null ? {} : { loss } });
    }
    if (failed) population.history.failed(slot);
  }
  if (isFiltered) population.restrictTo(inRegion('eu'));
  return population;
}

const reversed = (candidates: Candidates): Candidates => ({
  ...candidates,
  count: candidates.count,
  slots: () => candidates.slots().slice().reverse(),
});

describe.each(policies)('%s', (name, policy, isFiltered) => {
  const populationOf = (pasts: readonly Past[]) => populationWith(pasts, isFiltered);
  const eligible = ({ region }: Past) => !isFiltered || region === 'eu';

  it('chooses as many as asked for, as far as they are there: no duplicate, no stranger, and explains each', () => {
    fc.assert(
      fc.property(
        fc.array(client, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer(),
        (pasts, count, seed) => {
          const population = populationOf(pasts);
          const selection = population.ask(policy, count, seededRandom(seed));
          const slots = population.slotsOf(selection);
          expect(slots).toHaveLength(Math.min(count, pasts.filter(eligible).length));
          expect(new Set(slots).size).toBe(slots.length);
          for (const [slot, past] of pasts.entries()) {
            const chosen = slots.includes(slot);
            if (chosen) expect(eligible(past)).toBe(true);
            const reason = selection.explain(population.registry.idOf(slot));
            expect(reason.chosen).toBe(chosen);
            expect(reasonSentence(reason)).toMatch(chosen ? /^(chosen|drawn): / : /^(not chosen: |not drawn: )/);
            expect(reasonSentence(reason)).not.toMatch(/NaN|undefined|null|Infinity/);
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('chooses the same with the same seed', () => {
    fc.assert(
      fc.property(
        fc.array(client, { maxLength: 30 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer(),
        (pasts, count, seed) => {
          const choose = () => populationOf(pasts).ask(policy, count, seededRandom(seed)).clientIds;
          expect(choose()).toEqual(choose());
        },
      ),
      { numRuns: 50 },
    );
  });

  it('leaves somebody else out with another seed, when there is a choice', () => {
    const population = populationOf(
      Array.from({ length: 40 }, () => ({ region: 'eu', timesSelected: 0, failed: false, report: null })),
    );
    const chosen = [1, 2, 3, 4, 5].map((seed) =>
      population.slotsOf(population.ask(policy, 10, seededRandom(seed))).sort((a, b) => a - b),
    );
    expect(new Set(chosen.map((slots) => slots.join())).size).toBeGreaterThan(1);
  });

  // What is drawn from the registry directly follows its order; everything else must not.
  if (!/^(uniform|all)\b/.test(name))
    it('does not depend on the order in which candidates are listed', () => {
      fc.assert(
        fc.property(
          fc.array(client, { maxLength: 40 }),
          fc.integer({ min: 1, max: 20 }),
          fc.integer(),
          (pasts, count, seed) => {
            const population = populationOf(pasts);
            const choose = (candidates: Candidates) =>
              population.ask(policy, count, seededRandom(seed), candidates).clientIds.toSorted();
            expect(choose(reversed(population.candidates))).toEqual(choose(population.candidates));
          },
        ),
        { numRuns: 100 },
      );
    });

  it('tells of a client that came later, or is unknown, that it was no candidate', () => {
    const population = populationOf([
      { region: 'eu', timesSelected: 0, failed: false, report: null },
      { region: 'eu', timesSelected: 0, failed: false, report: null },
    ]);
    const selection = population.ask(policy, 1, seededRandom(1));
    const [chosen = -1] = population.slotsOf(selection);
    const former = population.registry.idOf(1 - chosen);
    population.registry.apply(1 - chosen, 'leave');
    expect(population.join({ attributes: { region: 'eu' } })).toBe(1 - chosen);
    const unknownOnes = [former, population.registry.idOf(1 - chosen), 'nobody'];
    for (const clientId of unknownOnes) {
      expect(selection.explain(clientId)).toEqual({ kind: 'notThere', chosen: false });
    }
  });

  it('still knows why it chose a client that has left', () => {
    const population = populationOf([{ region: 'eu', timesSelected: 0, failed: false, report: null }]);
    const selection = population.ask(policy, 1, seededRandom(1));
    const before = selection.explain(population.registry.idOf(0));
    const clientId = population.registry.idOf(0);
    population.registry.apply(0, 'leave');
    expect(before.chosen).toBe(true);
    expect(selection.explain(clientId)).toEqual(before);
  });
});
