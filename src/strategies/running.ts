import type { SettingTable } from '../domain/settings.ts';
import type { Contribution, RunningStrategy, Weighed } from './strategy.ts';

/** What every running strategy can be given. */
export interface RunningParameters {
  clipNorm: number | null;
}

export const runningSettings = {
  clipNorm: {
    kind: 'number',
    default: null,
    min: Number.MIN_VALUE,
    max: Number.MAX_VALUE,
    help: 'Largest L2 norm of update − global model; longer ones are scaled down to it. Default: none is.',
  },
} as const satisfies SettingTable;

/** The weighted mean of the updates, FedAvg: the ground on which other running strategies differ. */
export const weightedMean = ({ clipNorm }: RunningParameters): RunningStrategy => ({
  kind: 'running',
  clipNorm,
  needsDeltaNorm: false,
  needsBase: clipNorm !== null,
  hyperparameters: {},
  optimiser: null,
  precondition: (contributions) =>
    contributions >= 1 ? null : 'A mean needs at least one contribution; there is none.',
  weigh: ({ numExamples }: Contribution): Weighed => ({ kind: 'weighed', weight: numExamples, terms: {} }),
  divisor: ({ weight }) => weight,
});
