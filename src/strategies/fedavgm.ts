import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { defineStrategy, type ServerOptimiser } from './strategy.ts';

/**
 * FedAvg with momentum on the server: `v ← momentum·v + Δ`, `next = base + serverLearningRate·v`, v = 0 at first.
 * Hsu et al. 2019, section 4.3, arXiv 1909.06335.
 */
export const fedavgm = defineStrategy<RunningParameters & MomentumParameters>({
  name: 'fedavgm',
  summary: 'FedAvg with momentum on the server.',
  source: 'Hsu et al. 2019, arXiv 1909.06335',
  settings: {
    ...runningSettings,
    serverLearningRate: { kind: 'number', default: 1, min: 0, max: 1_000, help: 'Length of a server step.' },
    momentum: {
      kind: 'number',
      default: 0.9,
      min: 0,
      max: 1,
      help: 'Share of the last step that is taken again; 0 is FedAvg.',
    },
  },
  create: (parameters) => ({ ...weightedMean(parameters), optimiser: momentumStep(parameters) }),
});

interface MomentumParameters {
  serverLearningRate: number;
  momentum: number;
}

const momentumStep = ({ serverLearningRate, momentum }: MomentumParameters): ServerOptimiser => ({
  slots: [{ name: 'momentum', initial: 0 }],
  step({ base, delta, state: [velocities = new Float64Array()], next }) {
    for (let index = 0; index < delta.length; index += 1) {
      const velocity = momentum * (velocities[index] ?? 0) + (delta[index] ?? 0);
      velocities[index] = velocity;
      next[index] = (base[index] ?? 0) + serverLearningRate * velocity;
    }
  },
});
