import { type Contribution, defineStrategy } from './strategy.ts';

interface GeometricParameters {
  iterations: number;
  smoothing: number;
  weighting: string;
}

/**
 * Robust federated averaging: the geometric median, the point whose distances to all updates have the smallest sum, found
 * by the smoothed Weiszfeld algorithm. It begins with the mean; each iteration weighs every update by
 * `α / max(smoothing, its distance)`. Pillutla et al. 2022, Algorithm 2, arXiv 1912.13445.
 */
export const rfa = defineStrategy<GeometricParameters>({
  name: 'rfa',
  summary: 'The geometric median.',
  source: 'Pillutla et al. 2022, arXiv 1912.13445',
  settings: {
    iterations: {
      kind: 'integer',
      default: 3,
      min: 1,
      max: 100,
      help: 'Iterations of the Weiszfeld algorithm; each reads every update once.',
    },
    smoothing: {
      kind: 'number',
      default: 0.000_001,
      min: Number.MIN_VALUE,
      max: 1_000_000,
      help: 'Distances count as at least this: ν in the paper.',
    },
    weighting: {
      kind: 'choice',
      default: 'equal',
      choices: ['equal', 'examples'],
      help: 'Whether clients also weigh by their number of examples, as in the paper; anybody can claim a large one.',
    },
  },
  create: ({ iterations, smoothing, weighting }) => ({
    kind: 'gathering',
    hyperparameters: {},
    precondition: (contributions) =>
      contributions >= 1 ? null : 'A geometric median needs at least one contribution; there is none.',
    *aggregate(contributions) {
      const shares = weighting === 'equal' ? contributions.map(() => 1) : sharesOf(contributions);
      let weights = shares;
      for (let iteration = 0; iteration < iterations; iteration += 1) {
        const squares = yield { kind: 'spread', weights };
        const nearer = shares.map((share, index) => share / Math.max(smoothing, Math.sqrt(squares[index] ?? 0)));
        // Where all are out of float64's reach of one another, none is nearer.
        if (nearer.some((weight) => weight > 0)) weights = nearer;
      }
      return { kind: 'weighted', weights };
    },
  }),
});

/** Numbers of examples; where nobody gives one, all are equal. */
const sharesOf = (contributions: readonly Contribution[]): number[] =>
  contributions.some(({ numExamples }) => numExamples > 0)
    ? contributions.map(({ numExamples }) => numExamples)
    : contributions.map(() => 1);
