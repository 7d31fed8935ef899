import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { selectionSettings } from '../../src/domain/selection-settings.ts';
import { createSimulation, drawScenario, type FaultProfile, faultProfiles } from '../../src/testing/index.ts';

const profiles = Object.keys(faultProfiles) as FaultProfile[];
const seeds = Number(process.env.CHORUS_SIM_SEEDS ?? 3);
const clients = 12;

/** A cohort of four, chosen by the policy; that of `all` is everyone. */
const planOf = (selection: Plan['selection']): Partial<Plan> => ({
  selection,
  selectionAttribute: selection === 'stratified' ? 'group' : null,
  selectionFilter: 'attributes.group != "c"',
  quorum: 3,
  minClients: 4,
  overSelection: 1,
  ...(selection === 'all'
    ? { cohortSize: null, participantsRatio: 1, overSelectionAdaptive: false }
    : { cohortSize: 4, overSelectionAdaptive: true, overSelectionMax: 2 }),
});

describe.each(selectionSettings.selection.choices)(
  'a run with selection = %s, a filter and adaptive over-selection',
  (selection) => {
    it.each(profiles)(
      'breaks no rule with faults of the profile %s',
      async (profile) => {
        for (let seed = 1; seed <= seeds; seed += 1) {
          const scenario = drawScenario(seed, { profile, clients, rounds: 6, mode: 'synchronous' });
          const simulation = createSimulation({ ...scenario, plan: { ...scenario.plan, ...planOf(selection) } });
          const { violation, roundsCommitted } = await simulation.explore();
          expect({ seed, violation, roundsCommitted }).toEqual({ seed, violation: null, roundsCommitted: 6 });
        }
      },
      600_000,
    );
  },
);
