import { type AdaptiveParameters, adaptiveSettings, adaptiveStep } from './adaptive.ts';
import { weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/** Adagrad on the server: `v ← v + Δ²`. Reddi et al. 2021, Algorithm 2, arXiv 2003.00295. */
export const fedadagrad = defineStrategy<AdaptiveParameters>({
  name: 'fedadagrad',
  summary: 'FedAvg with Adagrad on the server.',
  source: 'Reddi et al. 2021, arXiv 2003.00295',
  settings: { ...adaptiveSettings, beta1: { ...adaptiveSettings.beta1, default: 0 } },
  create: (parameters) => ({
    ...weightedMean(parameters),
    optimiser: adaptiveStep(parameters, (moment, square) => moment + square),
  }),
});
