import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { type MetricSource, noProgress, noteMetrics, type Progress } from '../../src/domain/progress.ts';
import { readPlan } from '../../src/domain/read-plan.ts';

const planOf = (given: Partial<Plan>): Plan => {
  const { plan, problems } = readPlan({ stopMetric: 'accuracy', ...given });
  expect(problems).toEqual([]);
  return plan;
};

/** The progress after versions 1, 2, … have these values. */
const progressAfter = (plan: Plan, values: readonly (number | null)[], source: MetricSource = 'training'): Progress =>
  values.reduce<Progress>(
    (progress, value, index) =>
      noteMetrics(plan, progress, { source, version: index + 1, metrics: value === null ? {} : { accuracy: value } }),
    noProgress,
  );

describe('the progress of a run', () => {
  it('marks the best version, the first of several that are as good', () => {
    expect(progressAfter(planOf({}), [0.5, 0.9, 0.7, 0.9])).toMatchObject({
      best: { version: 2, value: 0.9 },
      goal: null,
    });
    const losses = planOf({ stopDirection: 'min' });
    expect(progressAfter(losses, [3, 1, 2, 1]).best).toEqual({ version: 2, value: 1 });
  });

  it('has no goal and no best version without a metric to go by', () => {
    const { plan } = readPlan({});
    expect(progressAfter(plan, [1, 2, 3])).toEqual(noProgress);
  });

  it('reaches its goal with the target, from either side', () => {
    expect(progressAfter(planOf({ stopTarget: 0.9 }), [0.5, 0.89]).goal).toBeNull();
    expect(progressAfter(planOf({ stopTarget: 0.9 }), [0.5, 0.9]).goal).toBe(
      'accuracy reached its target of 0.9 with model version 2: 0.9',
    );
    expect(progressAfter(planOf({ stopTarget: 0.1, stopDirection: 'min' }), [0.5, 0.05]).goal).toMatch(
      /^accuracy reached/,
    );
  });

  it('reaches its goal when nothing has improved for as long as the plan has patience', () => {
    const plan = planOf({ stopPatience: 2 });
    expect(progressAfter(plan, [0.5, 0.6, 0.6]).goal).toBeNull();
    expect(progressAfter(plan, [0.5, 0.6, 0.6, 0.7]).goal).toBeNull();
    expect(progressAfter(plan, [0.5, 0.6, 0.6, 0.5]).goal).toBe(
      'accuracy did not improve the last 2 times; the best is 0.6, of model version 2',
    );
  });

  it('counts as an improvement only what is more than the plan’s least', () => {
    const plan = planOf({ stopPatience: 3, stopMinDelta: 0.1 });
    // Each a little better than the one before, and none by enough: the best is marked all the same.
    expect(progressAfter(plan, [0.5, 0.55, 0.6, 0.6])).toMatchObject({
      best: { version: 3, value: 0.6 },
      goal: 'accuracy did not improve by more than 0.1 the last 3 times; the best is 0.6, of model version 3',
    });
    // Together they are.
    expect(progressAfter(plan, [0.5, 0.55, 0.65, 0.7]).stale).toBe(1);
  });

  it('skips a version whose metric nobody reported, also one named like a part of every object', () => {
    expect(progressAfter(planOf({ stopPatience: 1 }), [0.5, null, null, 0.6]).goal).toBeNull();
    const plan = planOf({ stopMetric: 'constructor' });
    expect(noteMetrics(plan, noProgress, { source: 'training', version: 1, metrics: {} })).toEqual(noProgress);
  });

  it('goes by evaluations when there are any, and by those of one side only', () => {
    const note = (plan: Plan, progress: Progress, source: MetricSource, version: number, accuracy: number) =>
      noteMetrics(plan, progress, { source, version, metrics: { accuracy } });
    const evaluated = planOf({ evaluateEvery: 2 });
    expect(note(evaluated, noProgress, 'training', 1, 0.9)).toEqual(noProgress);
    expect(note(evaluated, noProgress, 'server', 2, 0.9)).toEqual(noProgress);
    expect(note(evaluated, noProgress, 'clients', 2, 0.5)).toMatchObject({ source: 'clients', best: { version: 2 } });
    const both = planOf({ evaluateEvery: 2, evaluateBy: 'both' });
    const first = note(both, noProgress, 'server', 2, 0.5);
    expect(note(both, first, 'clients', 2, 0.99)).toEqual(first);
    expect(note(both, first, 'server', 4, 0.6).best).toEqual({ version: 4, value: 0.6 });
  });

  it('keeps its goal, once reached, and never marks a version worse than another', () => {
    const value = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 30 }), fc.boolean(), (values, more) => {
        const plan = planOf({ stopDirection: more ? 'max' : 'min', stopPatience: 3 });
        const { best, goal } = progressAfter(plan, values);
        expect(best?.value).toBe(more ? Math.max(...values) : Math.min(...values));
        expect(best?.version).toBe(values.indexOf(best?.value ?? Number.NaN) + 1);
        if (goal !== null) expect(progressAfter(plan, [...values, best?.value ?? 0]).goal).toBe(goal);
      }),
    );
  });
});
