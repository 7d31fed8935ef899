import { ratioCeil } from '../domain/ratio.ts';
import { defineStrategy } from './strategy.ts';

interface TrimmedParameters {
  trimRatio: number;
  trimCount: number | null;
}

/**
 * For each coordinate, the mean of what is left when the `trim` largest and the `trim` smallest values are taken away. It
 * stays between honest values as long as no more than `trim` contributions are hostile. Numbers of examples do not count.
 * Yin et al. 2018, Algorithm 1, option II, arXiv 1803.01498.
 */
export const trimmedMean = defineStrategy<TrimmedParameters>({
  name: 'trimmed-mean',
  summary: 'The coordinate-wise mean without the largest and the smallest values.',
  source: 'Yin et al. 2018, arXiv 1803.01498',
  settings: {
    trimRatio: {
      kind: 'number',
      default: 0.1,
      min: 0,
      max: 0.5,
      help: 'Share of the contributions taken away at each end, rounded up. Not used with trimCount.',
    },
    trimCount: {
      kind: 'integer',
      default: null,
      min: 0,
      max: 10_000_000,
      help: 'Contributions taken away at each end. Replaces trimRatio.',
    },
  },
  create: ({ trimRatio, trimCount }) => {
    const trimOf = (contributions: number) => trimCount ?? ratioCeil(trimRatio, contributions);
    return {
      kind: 'gathering',
      hyperparameters: {},
      precondition(contributions) {
        const trim = trimOf(contributions);
        if (2 * trim < contributions) return null;
        return `trimmed-mean takes away ${trim} contributions at each end, so it needs more than ${2 * trim}; there are ${contributions}.`;
      },
      *aggregate({ length }) {
        const members = Array.from({ length }, (_, index) => index);
        const trim = trimOf(length);
        return { kind: 'ordered', members, from: trim, to: length - trim };
      },
    };
  },
});
