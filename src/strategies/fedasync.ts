import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/**
 * Each update is mixed into the global model as it is now: `next = (1 − αₛ)·base + αₛ·update`, αₛ = mixing·(1 + s)^−a for an
 * update that began s versions ago, a the plan's `stalenessExponent`. Xie et al. 2019, Algorithm 1, arXiv 1903.03934,
 * where each update makes a version: `cohortSize` 1. Of more than one, `next` is the mean of what each would make by
 * itself. As there, numbers of examples do not count. Deltas are taken from the base that is now: `base + αₛ·delta`.
 */
export const fedasync = defineStrategy<RunningParameters & { mixing: number }>({
  name: 'fedasync',
  summary: 'Each update is mixed into the model as it comes, the less the older the model it began with.',
  source: 'Xie et al. 2019, arXiv 1903.03934',
  settings: {
    ...runningSettings,
    mixing: {
      kind: 'number',
      default: 0.6,
      min: Number.MIN_VALUE,
      max: 1,
      help: 'Share of the next model that a fresh update is.',
    },
  },
  create: ({ mixing, ...parameters }) => ({
    ...weightedMean(parameters),
    needsBase: true,
    weigh: () => ({ kind: 'weighed', weight: mixing, terms: {} }),
    divisor: ({ contributions }) => contributions,
  }),
});
