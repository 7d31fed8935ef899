import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/domain/random.ts';
import { type SelectionSettings, selectionConflicts, selectionSettings } from '../../src/domain/selection-settings.ts';
import { settingProblem } from '../../src/domain/settings.ts';
import { choosePolicy } from '../../src/selection/choose-policy.ts';
import { crowd, settingsWith } from './population.ts';

type PlanPart = Parameters<typeof selectionConflicts>[1];
const wholePlan: PlanPart = { cohortSize: null, participantsRatio: 1, overSelection: 1, mode: 'synchronous' };
const conflictsOf = (changed: Partial<SelectionSettings>, plan: Partial<PlanPart> = {}) =>
  selectionConflicts(settingsWith(changed), { ...wholePlan, ...plan }).map(({ setting }) => setting);

describe('the settings of selection', () => {
  it('have defaults within their bounds and without a conflict: uniform, no filter', () => {
    for (const [name, spec] of Object.entries(selectionSettings)) {
      expect(settingProblem(name, spec, spec.default)).toBeNull();
    }
    expect(conflictsOf({})).toEqual([]);
    expect(settingsWith()).toMatchObject({ selection: 'uniform', selectionFilter: null });
  });

  it.each<[Partial<SelectionSettings>, Parameters<typeof conflictsOf>[1], string[]]>([
    [{ selection: 'stratified' }, {}, ['selectionAttribute']],
    [{ selection: 'stratified', selectionAttribute: 'region' }, {}, []],
    [{ selectionAttribute: 'region' }, {}, ['selectionAttribute']],
    [{ selection: 'all' }, { participantsRatio: 0.5 }, ['selection']],
    [{ selection: 'all' }, { cohortSize: 5 }, ['selection']],
    [{ selection: 'all' }, {}, []],
    [{ selection: 'all' }, { cohortSize: 5, mode: 'buffered' }, ['selection']],
    [{ selection: 'round-robin' }, { cohortSize: 5, mode: 'buffered' }, []],
    [{ selection: 'oort', explorationStart: 0.1, explorationMin: 0.3 }, {}, ['explorationMin']],
    [{ selection: 'oort', pacerStepMs: 100 }, {}, ['pacerStepMs']],
    [{ selection: 'oort', pacerStepMs: 100, reportMsPreferred: 1_000 }, {}, []],
    [{ overSelectionAdaptive: true }, {}, ['overSelectionAdaptive']],
    [{ overSelectionAdaptive: true }, { cohortSize: 5, overSelection: 3 }, ['overSelectionMax']],
    [{ overSelectionAdaptive: true }, { cohortSize: 5, overSelection: 1.3 }, []],
    [{ overSelectionAdaptive: true }, { cohortSize: 5, mode: 'buffered' }, ['overSelectionAdaptive']],
  ])('%o with %o conflict in %o', (changed, plan, settings) => {
    expect(conflictsOf(changed, plan)).toEqual(settings);
  });

  it.each(selectionSettings.selection.choices)('name a policy: %s', (selection) => {
    const settings = settingsWith({ selection, selectionAttribute: selection === 'stratified' ? 'region' : null });
    const population = crowd(3);
    expect(population.ask(choosePolicy(settings), 2, seededRandom(1))).toMatchObject({ policy: selection });
  });
});
