import { type AdaptiveParameters, adaptiveSettings, adaptiveStep, beta2Settings } from './adaptive.ts';
import { weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/** Yogi on the server: `v ← v − (1 − beta2)·Δ²·sign(v − Δ²)`. Reddi et al. 2021, Algorithm 2, arXiv 2003.00295. */
export const fedyogi = defineStrategy<AdaptiveParameters & { beta2: number }>({
  name: 'fedyogi',
  summary: 'FedAvg with Yogi on the server.',
  source: 'Reddi et al. 2021, arXiv 2003.00295',
  settings: { ...adaptiveSettings, ...beta2Settings },
  create: ({ beta2, ...parameters }) => ({
    ...weightedMean(parameters),
    optimiser: adaptiveStep(parameters, (moment, square) => moment - (1 - beta2) * square * Math.sign(moment - square)),
  }),
});
