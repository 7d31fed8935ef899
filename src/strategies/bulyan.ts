import { type ByzantineParameters, byzantineSettings, krumScores } from './krum.ts';
import { defineStrategy } from './strategy.ts';

/**
 * Krum is asked again and again, each time without those it has named, until n − 2f updates are named; then, for each
 * coordinate, the mean of those n − 4f of their values that are closest to their median. A hostile update that is near to
 * the others as a whole, but far off in one coordinate, is caught by the second part.
 * El Mhamdi et al. 2018, section 4, arXiv 1802.07927.
 */
export const bulyan = defineStrategy<ByzantineParameters>({
  name: 'bulyan',
  summary: 'Krum, asked repeatedly, then a trimmed mean around the median.',
  source: 'El Mhamdi et al. 2018, arXiv 1802.07927',
  settings: byzantineSettings,
  create: ({ byzantineMax }) => ({
    kind: 'gathering',
    hyperparameters: {},
    precondition(contributions) {
      const needed = 4 * byzantineMax + 3;
      if (contributions >= needed) return null;
      return `bulyan with byzantineMax = ${byzantineMax} needs ${needed} contributions (4 · byzantineMax + 3); there are ${contributions}.`;
    },
    *aggregate({ length }) {
      const distances = yield { kind: 'pairwise' };
      const members = namedByKrum(distances, length, byzantineMax).sort((a, b) => a - b);
      return { kind: 'aroundMedian', members, keep: length - 4 * byzantineMax };
    },
  }),
});

/**
 * Near the end Krum sees one neighbour only, and of each two that are nearest to one another both have the same score: the
 * one that is nearer to all the others is named, so that the order of acceptance decides only between equals.
 * @returns the indices of n − 2f updates, in the order in which they are named.
 */
function namedByKrum(distances: Float64Array, count: number, byzantineMax: number): number[] {
  let left = Array.from({ length: count }, (_, index) => index);
  const named: number[] = [];
  while (named.length < count - 2 * byzantineMax) {
    const scores = krumScores(distances, count, left, byzantineMax);
    // Members less −1 + 2: all others.
    const spreads = krumScores(distances, count, left, -1);
    const best = left.reduce((a, b) => (isBetter([scores, spreads], b, a) ? b : a));
    named.push(best);
    left = left.filter((index) => index !== best);
  }
  return named;
}

function isBetter(criteria: readonly Float64Array[], one: number, other: number): boolean {
  const deciding = criteria.find((values) => values[one] !== values[other]);
  return deciding !== undefined && (deciding[one] ?? 0) < (deciding[other] ?? 0);
}
