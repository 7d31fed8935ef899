import type { Tensor, Tensors } from '../../domain/model.ts';
import { type Plan, stalenessFactor, strategyChoice } from '../../domain/plan.ts';
import { noOwnStrategies, type OwnStrategies } from '../../domain/strategy-choice.ts';
import { ownParametersOf } from '../../strategies/of-own.ts';
import { strategyOf } from '../../strategies/of-plan.ts';
import { type AnyOwnStrategy, combineByOwn, takeOwnStep } from '../../strategies/own-strategy.ts';
import { RunningTotals } from '../../strategies/running-totals.ts';
import type { Contribution, GatheringStrategy, RunningStrategy } from '../../strategies/strategy.ts';
import { combined, measured } from './plain-combinations.ts';

/** A contribution, as it was sent. */
export interface ReferenceUpdate {
  readonly tensors: Tensors;
  readonly numExamples: number;
  readonly metrics: Readonly<Record<string, number>>;
  /** Versions since the one that its client began with. */
  readonly staleness: number;
}

/**
 * What rounds must make of their contributions, written down plainly: whole models, in one thread, one value after
 * another. It shares the formulas of a strategy with the server, and nothing of how the server carries them out.
 */
export interface ModelReference {
  /** Share by which a value may differ; 0 where the order of the sum gives the bits. */
  readonly tolerance: number;
  /**
   * To be asked for each committed round of a run, in order: it keeps the strategy's state.
   * @param updates in the order of their acceptance, at least one. @param base the model before; null: there was none.
   */
  next(updates: readonly ReferenceUpdate[], base: Tensors | null): Tensors;
}

/** Where distances decide or weigh, the kernels sum them in another order. */
const gatheringTolerance = 1e-6;

/** An own strategy, and its name in plans. */
export interface OwnOfRun {
  readonly facts: OwnStrategies;
  readonly strategy: AnyOwnStrategy;
}

export function referenceOf(plan: Plan, own: OwnOfRun | null = null): ModelReference {
  const choice = strategyChoice(plan, own?.facts ?? noOwnStrategies);
  const strategy = strategyOf(choice);
  if (choice.own && own) {
    const parameters = ownParametersOf(choice.own, choice);
    const asked = { strategy: own.strategy, parameters };
    if (strategy.kind === 'running') return runningReference(strategy, plan, ownStep(asked));
    return gatheringReference(plan, (updates, values) =>
      combineByOwn(asked.strategy, {
        ...{ values: values.map((each) => each.slice()), parameters },
        weights: updates.map(({ numExamples }) => numExamples),
      }),
    );
  }
  if (strategy.kind === 'running') return runningReference(strategy, plan, (tile) => strategy.optimiser?.step(tile));
  return gatheringReference(plan, (updates, values) => aggregated(strategy, updates, values));
}

type Step = NonNullable<RunningStrategy['optimiser']>['step'];

/** The step of a strategy of one's own, in place as those of ours are. */
const ownStep =
  ({ strategy, parameters }: { strategy: AnyOwnStrategy; parameters: unknown }): Step =>
  ({ base, delta, state, next }) => {
    const copies = { base: base.slice(), delta: delta.slice(), state: state.map((slot) => slot.slice()) };
    const stepped = takeOwnStep(strategy, { ...copies, parameters });
    next.set(stepped.next);
    for (const [index, values] of stepped.state.entries()) state[index]?.set(values);
  };

function runningReference(strategy: RunningStrategy, plan: Plan, step: Step): ModelReference {
  const { updateKind } = plan;
  let state: Float64Array[] | null = null;
  return {
    tolerance: 0,
    next(updates, base) {
      const [first] = updates;
      if (!first) throw new RangeError('No update, so no model');
      const origin = base && flat(base);
      const totals = new RunningTotals(strategy);
      const sum = new Float64Array(flat(first.tensors).length);
      for (const { tensors, numExamples, metrics, staleness } of updates) {
        const values = flat(tensors);
        const deltaNorm = origin && normOf(values, updateKind === 'deltas' ? null : origin);
        const aged = { numExamples, metrics, deltaNorm, staleness: stalenessFactor(plan, staleness) };
        const { weight, clear } = totals.add(aged);
        if (clear) sum.fill(0);
        for (const [at, value] of values.entries()) sum[at] = (sum[at] ?? 0) + weight * value;
      }
      const { optimiser } = strategy;
      const { divisor, baseShare } = totals.finishing(updateKind);
      // Without a model to step from, the first one is the mean.
      const share = origin ? baseShare : 0;
      const made = sum.map((value, at) => {
        const mean = value / divisor;
        return share === 0 ? mean : mean + share * (origin?.[at] ?? 0);
      });
      if (origin && optimiser) {
        state ??= optimiser.slots.map(({ initial }) => new Float64Array(sum.length).fill(initial));
        step({ base: origin, delta: made, state, next: made });
      }
      return shaped(made, first.tensors);
    },
  };
}

/** @param combine the aggregate of all updates' values */
function gatheringReference(
  { updateKind }: Plan,
  combine: (updates: readonly ReferenceUpdate[], values: readonly Float64Array[]) => Float64Array,
): ModelReference {
  return {
    tolerance: gatheringTolerance,
    next(updates, base) {
      const [first] = updates;
      if (!first) throw new RangeError('No update, so no model');
      const origin = base && updateKind === 'deltas' ? flat(base) : null;
      const aggregate = combine(
        updates,
        updates.map(({ tensors }) => flat(tensors)),
      );
      return shaped(origin ? aggregate.map((value, at) => value + (origin[at] ?? 0)) : aggregate, first.tensors);
    },
  };
}

/** What a strategy of ours makes of all updates. */
function aggregated(
  strategy: GatheringStrategy,
  updates: readonly ReferenceUpdate[],
  values: readonly Float64Array[],
): Float64Array {
  const contributions = updates.map(
    ({ numExamples, metrics }): Contribution => ({ numExamples, metrics, deltaNorm: null }),
  );
  const asking = strategy.aggregate(contributions);
  let asked = asking.next();
  while (!asked.done) asked = asking.next(measured(asked.value, values));
  return combined(asked.value, values);
}

/** All values of a model, in its order. */
const flat = (tensors: Tensors): Float64Array =>
  Float64Array.from(Object.values(tensors).flatMap(({ data }) => Array.from(data)));

/** L2 norm of values − base, summed one after another. */
function normOf(values: Float64Array, base: Float64Array | null): number {
  return Math.sqrt(values.reduce((squares, value, at) => squares + (value - (base?.[at] ?? 0)) ** 2, 0));
}

/** A model of these values, rounded once to the dtypes of another. F32 and F64 only. */
function shaped(values: Float64Array, like: Tensors): Tensors {
  let from = 0;
  const tensors: Record<string, Tensor> = {};
  for (const [name, { dtype, shape, data }] of Object.entries(like)) {
    const part = values.subarray(from, from + data.length);
    from += data.length;
    tensors[name] = { dtype, shape, data: dtype === 'F64' ? Float64Array.from(part) : Float32Array.from(part) };
  }
  return tensors;
}
