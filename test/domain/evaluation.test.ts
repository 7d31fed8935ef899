import { describe, expect, it } from 'vitest';
import { evaluationCohort, evaluationQuorumOf, evaluatorsAfter } from '../../src/domain/evaluation.ts';
import { hyperparametersOf } from '../../src/domain/hyperparameters.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { readPlan } from '../../src/domain/read-plan.ts';

const planOf = (given: Partial<Plan>): Plan => {
  const { plan, problems } = readPlan(given);
  expect(problems).toEqual([]);
  return plan;
};
const problemsOf = (given: Record<string, unknown>) => readPlan(given).problems.map(({ setting }) => setting);

describe('a plan of evaluations', () => {
  it('says after which rounds they come, and who evaluates', () => {
    const plan = planOf({ rounds: 7, evaluateEvery: 3, evaluateBy: 'both' });
    const due = [1, 2, 3, 4, 5, 6, 7].filter((round) => evaluatorsAfter(plan, round).length > 0);
    expect(due).toEqual([3, 6, 7]);
    expect(evaluatorsAfter(plan, 3)).toEqual(['server', 'clients']);
    expect(evaluatorsAfter(planOf({ rounds: 7 }), 7)).toEqual([]);
  });

  it('asks a share, or so many, of those that are there; half of those asked are enough', () => {
    const share = planOf({ evaluateEvery: 1, evaluationRatio: 0.07 });
    expect(evaluationCohort(share, 100)).toBe(7);
    expect(evaluationCohort(share, 0)).toBe(0);
    const some = planOf({ evaluateEvery: 1, evaluationCohortSize: 5 });
    expect([evaluationCohort(some, 100), evaluationCohort(some, 3)]).toEqual([5, 3]);
    expect([0, 1, 4, 5].map((asked) => evaluationQuorumOf(some, asked))).toEqual([1, 1, 2, 3]);
    expect(evaluationQuorumOf(planOf({ evaluateEvery: 1, evaluationQuorum: 4 }), 5)).toBe(4);
  });

  it('is refused when a setting does nothing, or nothing could come of it', () => {
    expect(problemsOf({ evaluateBy: 'server' })).toEqual(['evaluateBy']);
    expect(problemsOf({ evaluationQuorum: 2 })).toEqual(['evaluationQuorum']);
    expect(problemsOf({ evaluateEvery: 1, evaluationRatio: 0 })).toEqual(['evaluationRatio']);
    expect(problemsOf({ evaluateEvery: 1, evaluationCohortSize: 2, evaluationQuorum: 3 })).toEqual([
      'evaluationQuorum',
    ]);
    expect(problemsOf({ stopTarget: 1, stopPatience: 2 })).toEqual(['stopTarget', 'stopPatience']);
    expect(problemsOf({ stopMetric: 'loss', stopMinDelta: 0.1 })).toEqual(['stopMinDelta']);
    const buffered = { mode: 'buffered', cohortSize: 2, updateKind: 'deltas', initialModel: 'latest' };
    expect(problemsOf({ ...buffered, evaluateEvery: 1 })).toEqual(['evaluateBy']);
    expect(problemsOf({ ...buffered, evaluateEvery: 1, evaluateBy: 'server' })).toEqual([]);
  });
});

it('may name its schema', () => {
  expect(problemsOf({ $schema: 'plan.schema.json', rounds: 3 })).toEqual([]);
});

describe('hyperparameters by round', () => {
  const plan = planOf({
    hyperparameters: { rate: 0.1, epochs: 1 },
    hyperparametersByRound: [
      { fromRound: 10, values: { rate: 0.01 } },
      { fromRound: 5, values: { rate: 0.05, epochs: 2 } },
    ],
  });

  it('are those of the plan with each step that was reached laid over, in the order of the rounds', () => {
    expect(hyperparametersOf(plan, 4)).toEqual({ rate: 0.1, epochs: 1 });
    expect(hyperparametersOf(plan, 5)).toEqual({ rate: 0.05, epochs: 2 });
    expect(hyperparametersOf(plan, 10)).toEqual({ rate: 0.01, epochs: 2 });
  });

  it.each([
    [{}],
    [[{ fromRound: 0, values: {} }]],
    [[{ fromRound: 1.5, values: {} }]],
    [[{ fromRound: 1 }]],
    [[{ fromRound: 1, values: { a: [1] } }]],
    [[{ fromRound: 1, values: {}, until: 3 }]],
    [
      [
        { fromRound: 2, values: {} },
        { fromRound: 2, values: {} },
      ],
    ],
    [[null]],
    [Array.from({ length: 1_001 }, (_, index) => ({ fromRound: index + 1, values: {} }))],
  ])('are refused when they are none: %j', (hyperparametersByRound) => {
    expect(problemsOf({ hyperparametersByRound })).toEqual(['hyperparametersByRound']);
  });
});
