import { expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { createSimulation, drawScenario, type FaultProfile, type Scenario } from '../../src/testing/index.ts';

const drawn = (seed: number, profile: FaultProfile): Scenario => {
  const scenario = drawScenario(seed, { profile, clients: 20, rounds: 10, mode: 'synchronous' });
  // They were found when every cohort was drawn uniformly, and no model was evaluated.
  const before: Partial<Plan> = {
    selection: 'uniform',
    selectionAttribute: null,
    selectionFilter: null,
    overSelectionAdaptive: false,
  };
  const { evaluateEvery, evaluateBy, evaluationCohortSize, evaluationQuorum, ...plan } = scenario.plan;
  return { ...scenario, plan: { ...plan, ...before } };
};

/** What the simulator found, each as the scenario that showed it. */
const found: readonly [what: string, scenario: Scenario][] = [
  ['clients that fell silent stayed for as long as the clock was set back by', drawn(5279, 'all')],
  ['clients that fell silent stayed when the clock was set forward, and then back', drawn(115, 'all')],
  ['clients that fell silent stayed when the clock went forward and back between two sweeps', drawn(141, 'clock')],
  [
    'a run that was paused while a round was being opened could open none after it, and after a crash not start at all',
    {
      ...drawScenario(23, { profile: 'none', clients: 6, rounds: 4, mode: 'synchronous' }),
      faults: { operator: 1, diskSlow: 1 },
      faultsUntilMs: 20_000,
    },
  ],
  [
    'a simulated client waited for ever for the answer to the call that was the end of the process',
    {
      seed: 927043,
      clients: 5,
      plan: {
        rounds: 2,
        cohortSize: 5,
        overSelection: 1,
        quorum: null,
        heartbeatIntervalMs: 1000,
        heartbeatTimeoutMs: 3000,
        selectionWindowMs: 10000,
        trainingWindowMs: 20000,
        aggregationWindowMs: 10000,
        initialModel: 'upload',
        updateKind: 'deltas',
        onQuorumMissed: 'abandon',
        extensionsMax: 0,
        attemptsMax: 2,
        uploadAttemptsMax: 4,
        downloadsMax: 16,
        payloadBytesMax: 1024,
        selection: 'weighted',
        selectionAttribute: null,
        selectionFilter: null,
        overSelectionAdaptive: false,
        overSelectionConfidence: 0.95,
        overSelectionMax: 2,
      },
      faults: { reordering: 0.03125, duplication: 0.0625, powerLoss: 1 },
      faultsUntilMs: 15825,
      trainingMs: { from: 1, to: 2000 },
      holdsHeartbeats: true,
      durability: 'update',
      fsync: 'always',
      keepUpdates: false,
      stagingBytesMax: 16384,
      clientsMax: 1010,
    },
  ],
];

it.each(found)('does not happen again: %s', async (_, scenario) => {
  expect((await createSimulation(scenario).explore()).violation).toBeNull();
});
