import { defineStrategy } from './strategy.ts';

/**
 * The median of each coordinate; for an even number of updates the mean of the two in the middle. It stays between honest
 * values as long as more than half of the contributions are honest. Numbers of examples do not count: who could claim any
 * would decide. Yin et al. 2018, Algorithm 1, option I, arXiv 1803.01498.
 */
export const fedmedian = defineStrategy<Record<never, never>>({
  name: 'fedmedian',
  summary: 'The coordinate-wise median.',
  source: 'Yin et al. 2018, arXiv 1803.01498',
  settings: {},
  create: () => ({
    kind: 'gathering',
    hyperparameters: {},
    precondition: (contributions) =>
      contributions >= 1 ? null : 'A median needs at least one contribution; there is none.',
    *aggregate({ length }) {
      const members = Array.from({ length }, (_, index) => index);
      return { kind: 'ordered', members, from: Math.floor((length - 1) / 2), to: Math.floor(length / 2) + 1 };
    },
  }),
});
