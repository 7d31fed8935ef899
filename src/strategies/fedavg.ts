import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/** `next = Σ numExamplesᵢ · updateᵢ / Σ numExamplesᵢ`. McMahan et al. 2017, Algorithm 1, arXiv 1602.05629. */
export const fedavg = defineStrategy<RunningParameters>({
  name: 'fedavg',
  summary: 'The mean of the updates, weighted by their numbers of examples.',
  source: 'McMahan et al. 2017, arXiv 1602.05629',
  settings: runningSettings,
  create: weightedMean,
});
