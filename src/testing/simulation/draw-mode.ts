import type { Plan } from '../../domain/plan.ts';
import type { StrategyName } from '../../domain/strategy-choice.ts';
import { strategyOf } from '../../strategies/of-plan.ts';
import type { Chance } from './chance.ts';

/** Of the plans with a cohort, the share that is buffered. */
const bufferedShare = 0.4;
/** Drawn for buffered runs: a mean, one that takes full weights, and two that keep a state. */
const strategies = ['fedavg', 'fedasync', 'fedasync', 'fedavgm', 'fedadam'] as const satisfies StrategyName[];

export interface ModeBounds {
  clients: number;
  /** @default drawn */
  mode?: Plan['mode'];
  /** @default drawn for buffered runs */
  strategy?: StrategyName;
}

/** Strategies that need all updates of a round at once. */
export const isGathering = (strategy: StrategyName): boolean =>
  strategyOf({ name: strategy, parameters: {} }).kind === 'gathering';

/**
 * What is otherwise in a buffered plan; nothing when the plan stays synchronous. To be given a stream of its own, so that
 * synchronous plans are what they would be without.
 */
export function drawMode(chance: Chance, drawn: Partial<Plan>, { clients, mode, strategy }: ModeBounds): Partial<Plan> {
  const mayBe = drawn.cohortSize != null && (strategy === undefined || !isGathering(strategy));
  const isBuffered = mode === undefined ? mayBe && chance.happens(bufferedShare) : mode === 'buffered';
  if (!isBuffered) return {};
  const chosen = strategy ?? chance.pick(strategies);
  const takesWeights = chosen === 'fedasync' && chance.happens(0.5);
  return {
    mode: 'buffered',
    strategy: chosen,
    strategyParameters: chance.happens(0.3) ? { clipNorm: chance.between(0.5, 2) } : {},
    ...drawBuffer(chance, drawn.cohortSize ?? 1 + chance.below(Math.max(1, Math.floor(clients / 2)))),
    stalenessMax: chance.pick([0, 1, 3, 10]),
    stalenessExponent: chance.pick([0, 0.5, 0.7, 2]),
    initialModel: 'upload',
    updateKind: takesWeights ? 'weights' : 'deltas',
  };
}

/** A version of each update, or of several; and how many train at any time. */
function drawBuffer(chance: Chance, cohortSize: number): Partial<Plan> {
  const size = chance.happens(0.4) ? 1 : cohortSize;
  return {
    cohortSize: size,
    overSelection: chance.pick([1, 1.5, 2, 4]),
    participantsRatio: 1,
    quorum: chance.happens(0.5) ? null : 1 + chance.below(size),
    minClients: size + chance.below(2),
  };
}
