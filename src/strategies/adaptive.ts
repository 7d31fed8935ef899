import type { SettingTable } from '../domain/settings.ts';
import { type RunningParameters, runningSettings } from './running.ts';
import type { ServerOptimiser } from './strategy.ts';

/** Parameters of the adaptive server optimisers, Reddi et al. 2021, Algorithm 2, arXiv 2003.00295. */
export interface AdaptiveParameters extends RunningParameters {
  serverLearningRate: number;
  beta1: number;
  tau: number;
}

export const adaptiveSettings = {
  ...runningSettings,
  serverLearningRate: {
    kind: 'number',
    default: 0.1,
    min: 0,
    max: 1_000,
    help: 'Length of a server step; the one to be tuned first.',
  },
  beta1: { kind: 'number', default: 0.9, min: 0, max: 1, help: 'Share of the last momentum that is kept.' },
  tau: {
    kind: 'number',
    default: 0.001,
    min: Number.MIN_VALUE,
    max: 1_000,
    help: 'Degree of adaptivity: the smaller, the more. Also the square root of the first second moment.',
  },
} as const satisfies SettingTable;

export const beta2Settings = {
  beta2: { kind: 'number', default: 0.99, min: 0, max: 1, help: 'Share of the last second moment that is kept.' },
} as const satisfies SettingTable;

/**
 * `m ← beta1·m + (1 − beta1)·Δ`, `v ← second(v, Δ²)`, `next = base + serverLearningRate · m / (√v + tau)`; at first m = 0
 * and v = tau². Without bias correction, as in the paper.
 * @param second the second moment of the next round; what the three strategies differ in.
 */
export const adaptiveStep = (
  { serverLearningRate, beta1, tau }: AdaptiveParameters,
  second: (moment: number, square: number) => number,
): ServerOptimiser => ({
  slots: [
    { name: 'momentum', initial: 0 },
    { name: 'variance', initial: tau * tau },
  ],
  step({ base, delta, state: [firsts = new Float64Array(), seconds = new Float64Array()], next }) {
    for (let index = 0; index < delta.length; index += 1) {
      const change = delta[index] ?? 0;
      const momentum = beta1 * (firsts[index] ?? 0) + (1 - beta1) * change;
      const variance = second(seconds[index] ?? 0, change * change);
      firsts[index] = momentum;
      seconds[index] = variance;
      next[index] = (base[index] ?? 0) + (serverLearningRate * momentum) / (Math.sqrt(variance) + tau);
    }
  },
});
