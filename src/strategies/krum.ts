import type { SettingTable } from '../domain/settings.ts';
import { defineStrategy, type GatheringStrategy } from './strategy.ts';

export interface ByzantineParameters {
  byzantineMax: number;
}

export const byzantineSettings = {
  byzantineMax: {
    kind: 'integer',
    default: 1,
    min: 0,
    max: 10_000_000,
    help: 'Largest number of contributions that may be hostile or broken: f in the paper.',
  },
} as const satisfies SettingTable;

/**
 * The one update that is nearest to its neighbours: the sum of its squared distances to the n − f − 2 nearest others is
 * the smallest. Of equals the first accepted. Blanchard et al. 2017, section 4, arXiv 1703.02757.
 */
export const krum = defineStrategy<ByzantineParameters>({
  name: 'krum',
  summary: 'The one update that is nearest to its neighbours.',
  source: 'Blanchard et al. 2017, arXiv 1703.02757',
  settings: byzantineSettings,
  create: ({ byzantineMax }) => keepNearest('krum', byzantineMax, () => 1),
});

/**
 * The plain mean of the updates with the best scores of Krum. Blanchard et al. 2017, section 5, arXiv 1703.02757.
 */
export const multiKrum = defineStrategy<ByzantineParameters & { keepCount: number | null }>({
  name: 'multi-krum',
  summary: 'The mean of those updates that are nearest to their neighbours.',
  source: 'Blanchard et al. 2017, arXiv 1703.02757',
  settings: {
    ...byzantineSettings,
    keepCount: {
      kind: 'integer',
      default: null,
      min: 1,
      max: 10_000_000,
      help: 'Contributions whose mean is taken: m in the paper. Default: all but byzantineMax.',
    },
  },
  create: ({ byzantineMax, keepCount }) =>
    keepNearest('multi-krum', byzantineMax, (contributions) => keepCount ?? contributions - byzantineMax),
});

function keepNearest(name: string, byzantineMax: number, keepOf: (contributions: number) => number): GatheringStrategy {
  return {
    kind: 'gathering',
    hyperparameters: {},
    precondition(contributions) {
      const needed = 2 * byzantineMax + 3;
      if (contributions < needed) {
        return `${name} with byzantineMax = ${byzantineMax} needs ${needed} contributions (more than 2 · byzantineMax + 2); there are ${contributions}.`;
      }
      if (keepOf(contributions) <= contributions - byzantineMax) return null;
      return `${name} keeps ${keepOf(contributions)} contributions, but of ${contributions} only ${contributions - byzantineMax} are sure to be honest; lower keepCount.`;
    },
    *aggregate({ length }) {
      const distances = yield { kind: 'pairwise' };
      const all = Array.from({ length }, (_, index) => index);
      const scores = krumScores(distances, length, all, byzantineMax);
      const ranked = all.toSorted((a, b) => compare(scores[a], scores[b]));
      const kept = new Set(ranked.slice(0, keepOf(length)));
      return { kind: 'weighted', weights: all.map((index) => (kept.has(index) ? 1 : 0)) };
    },
  };
}

/**
 * @param distances squared, of each two of `count` updates. @param members those that take part.
 * @returns for each member, by its index, the sum of the distances to its nearest others: as many as there are members
 * less byzantineMax + 2, but at least one.
 */
export function krumScores(
  distances: Float64Array,
  count: number,
  members: readonly number[],
  byzantineMax: number,
): Float64Array {
  const neighbours = Math.max(1, members.length - byzantineMax - 2);
  const scores = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (const member of members) {
    const others = members.filter((other) => other !== member);
    const near = Float64Array.from(others, (other) => distances[member * count + other] ?? 0).sort();
    scores[member] = near.subarray(0, neighbours).reduce((sum, distance) => sum + distance, 0);
  }
  return scores;
}

/** Infinite scores are equal, so that sorting keeps their order. */
const compare = (a = 0, b = 0): number => (a === b ? 0 : a - b);
