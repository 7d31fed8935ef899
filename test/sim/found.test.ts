import { expect, it } from 'vitest';
import { createSimulation, drawScenario, type FaultProfile, type Scenario } from '../../src/testing/index.ts';

const drawn = (seed: number, profile: FaultProfile): Scenario => {
  const scenario = drawScenario(seed, { profile, clients: 20, rounds: 10 });
  // They were found when no plan asked for evaluations.
  const { evaluateEvery, evaluateBy, evaluationCohortSize, evaluationQuorum, ...plan } = scenario.plan;
  return { ...scenario, plan };
};

/** What the simulator found, each as the scenario that showed it. */
const found: readonly [what: string, scenario: Scenario][] = [
  ['clients that fell silent stayed for as long as the clock was set back by', drawn(5279, 'all')],
  ['clients that fell silent stayed when the clock was set forward, and then back', drawn(115, 'all')],
  ['clients that fell silent stayed when the clock went forward and back between two sweeps', drawn(141, 'clock')],
  [
    'a run that was paused while a round was being opened could open none after it, and after a crash not start at all',
    {
      ...drawScenario(23, { profile: 'none', clients: 6, rounds: 4 }),
      faults: { operator: 1, diskSlow: 1 },
      faultsUntilMs: 20_000,
    },
  ],
];

it.each(found)('does not happen again: %s', async (_, scenario) => {
  expect((await createSimulation(scenario).explore()).violation).toBeNull();
});
