import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { defineStrategy } from './strategy.ts';

/**
 * FedAvg whose clients are held near the global model: they minimise `loss(w) + mu/2 · ‖w − global‖²`. The server only
 * tells them `mu`; `proximalGradient` is their part. Li et al. 2020, Algorithm 2, arXiv 1812.06127.
 */
export const fedprox = defineStrategy<RunningParameters & { mu: number }>({
  name: 'fedprox',
  summary: 'FedAvg, with a term that keeps clients near the global model while they train.',
  source: 'Li et al. 2020, arXiv 1812.06127',
  settings: {
    ...runningSettings,
    mu: {
      kind: 'number',
      default: 0.01,
      min: 0,
      max: 1_000_000,
      help: 'Weight of the proximal term, sent to clients as the hyperparameter mu.',
    },
  },
  create: ({ mu, ...parameters }) => ({ ...weightedMean(parameters), hyperparameters: { mu } }),
});
