import { type AdaptiveParameters, adaptiveSettings, adaptiveStep, beta2Settings } from './adaptive.ts';
import { weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/** Adam on the server: `v ← beta2·v + (1 − beta2)·Δ²`. Reddi et al. 2021, Algorithm 2, arXiv 2003.00295. */
export const fedadam = defineStrategy<AdaptiveParameters & { beta2: number }>({
  name: 'fedadam',
  summary: 'FedAvg with Adam on the server.',
  source: 'Reddi et al. 2021, arXiv 2003.00295',
  settings: { ...adaptiveSettings, ...beta2Settings },
  create: ({ beta2, ...parameters }) => ({
    ...weightedMean(parameters),
    optimiser: adaptiveStep(parameters, (moment, square) => beta2 * moment + (1 - beta2) * square),
  }),
});
