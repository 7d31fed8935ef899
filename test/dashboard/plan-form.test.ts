import { describe, expect, it } from 'vitest';
import {
  fieldGroups,
  filledBy,
  isOfUse,
  labelOf,
  parameterKey,
  planGiven,
  problemsOf,
  textOf,
} from '../../dashboard/src/views/operate/plan-form.ts';
import { planSettings } from '../../src/domain/plan.ts';

describe('the form of a plan', () => {
  it('has a field for every setting, each once', () => {
    const fields = fieldGroups().flatMap((group) => group.fields.map(({ setting }) => setting));
    expect(fields.sort()).toEqual(Object.keys(planSettings).sort());
  });

  it('says settings as people do', () => {
    expect(labelOf('trainingWindowMs')).toBe('Training window');
    expect(labelOf('numExamplesMax')).toBe('Num examples, at most');
  });

  it('sends only what was filled in, each as what it is', () => {
    const filled = {
      ...{ rounds: '12', participantsRatio: '0.5', quorum: ' ', onQuorumMissed: 'extend' },
      hyperparameters: 'learningRate = 0.1\nname = a = b\nshuffle = true\n\n',
      hyperparametersByRound: '10: learningRate = 0.05, epochs = 2\n20: shuffle = false\n',
    };
    expect(planGiven(filled)).toEqual({
      ...{ rounds: 12, participantsRatio: 0.5, onQuorumMissed: 'extend' },
      hyperparameters: { learningRate: 0.1, name: 'a = b', shuffle: true },
      hyperparametersByRound: [
        { fromRound: 10, values: { learningRate: 0.05, epochs: 2 } },
        { fromRound: 20, values: { shuffle: false } },
      ],
    });
  });

  it('says what is wrong in the plan’s own sentences, without the flags of the command line', () => {
    expect(problemsOf({ rounds: 'ten' }, {})).toEqual({
      rounds: 'rounds is "ten"; give a whole number from 1 to 1000000.',
    });
    const { quorum } = problemsOf({ quorum: '5', minClients: '2' }, {});
    expect(quorum).toMatch(/^quorum is 5, but .*lower quorum or raise minClients\.$/);
  });

  it('shows what can do something as it stands, and what was filled in', () => {
    const shown = (filled: Record<string, string>) =>
      fieldGroups()
        .flatMap(({ fields }) => fields)
        .filter((field) => isOfUse(field, filled, {}))
        .map(({ setting }) => setting);
    const conditional = ['selectionAttribute', 'utilityMetric', 'overSelection', 'overSelectionMax', 'stalenessMax'];
    expect(shown({})).toContain('selection');
    for (const setting of conditional) expect(shown({})).not.toContain(setting);
    expect(shown({ selection: 'stratified' })).toContain('selectionAttribute');
    expect(shown({ selection: 'oort' })).toContain('utilityMetric');
    expect(shown({ selection: 'oort' })).not.toContain('selectionAttribute');
    expect(shown({ cohortSize: '10', overSelectionAdaptive: 'true' })).toEqual(
      expect.arrayContaining(['overSelection', 'overSelectionMax']),
    );
    expect(shown({ stalenessMax: '3' })).toContain('stalenessMax');
    const unreachable = Object.values(planSettings).flatMap(({ help }) => /^With (\w+)/.exec(help)?.[1] ?? []);
    expect(Object.keys(planSettings)).toEqual(expect.arrayContaining(unreachable));
  });

  it('reads the parameters of the chosen strategy, and those of no other', () => {
    const krum = { byzantineMax: { kind: 'integer', default: 1, min: 0, max: 5, help: 'Hostile ones.' } } as const;
    const filled = { strategy: 'krum', [parameterKey('byzantineMax')]: '2', [parameterKey('clipNorm')]: '3' };
    expect(planGiven(filled, krum)).toEqual({ strategy: 'krum', strategyParameters: { byzantineMax: 2 } });
    expect(planGiven(filled)).toEqual({ strategy: 'krum' });
    expect(problemsOf({ ...filled, [parameterKey('byzantineMax')]: '9' }, {}, krum)).toEqual({
      [parameterKey('byzantineMax')]: 'byzantineMax is 9; give a whole number from 0 to 5.',
    });
    const plan = { rounds: 3, strategy: 'krum', strategyParameters: { byzantineMax: 2 } } as const;
    expect(planGiven(filledBy(plan, krum), krum)).toEqual(plan);
    expect(planGiven(filledBy(plan, null))).toEqual(plan);
  });

  it('is wrong in nothing when it is empty, and when a whole plan was filled in', () => {
    expect(problemsOf({}, {})).toEqual({});
    const whole = Object.fromEntries(
      Object.entries(planSettings).map(([setting, spec]) => [setting, textOf(spec.default)]),
    );
    expect(problemsOf(whole, {})).toEqual({});
  });
});
