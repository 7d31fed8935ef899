import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { type Contribution, defineStrategy, type Unfit, type Weighed } from './strategy.ts';

/** Added to a loss before it is raised to a power, so that a client without loss still counts a little. */
const lossOffset = 1e-10;

interface FairParameters extends RunningParameters {
  q: number;
  clientLearningRate: number;
  lossMetric: string;
  weighting: string;
}

/**
 * Clients with a higher loss weigh more. With F the client's loss under the global model, L = 1/clientLearningRate and
 * δ = L·(update − base): `next = base + Σ p·F^q·δ / Σ p·(q·F^(q−1)·‖δ‖² + L·F^q)`. Li et al. 2020, Algorithm 2,
 * arXiv 1905.10497. There p is the probability of being selected; here selection is uniform, so p is numExamples, and
 * q = 0 is FedAvg. With `weighting` = equal it is 1, for selectors that prefer larger clients themselves.
 */
export const qFedavg = defineStrategy<FairParameters>({
  name: 'q-fedavg',
  summary: 'Fair FedAvg: clients with a higher loss weigh more.',
  source: 'Li et al. 2020, arXiv 1905.10497',
  settings: {
    ...runningSettings,
    q: { kind: 'number', default: 1, min: 0, max: 100, help: 'How much fairness counts; 0 is FedAvg.' },
    clientLearningRate: {
      kind: 'number',
      default: 0.1,
      min: Number.MIN_VALUE,
      max: 1_000_000,
      help: 'Learning rate of the clients; its reciprocal stands for the Lipschitz constant.',
    },
    lossMetric: {
      kind: 'text',
      default: 'loss',
      help: 'Name of the metric with the mean loss of the global model on the client’s data, before training.',
    },
    weighting: {
      kind: 'choice',
      default: 'examples',
      choices: ['examples', 'equal'],
      help: 'Whether clients also weigh by their number of examples.',
    },
  },
  create: (parameters) => ({
    ...weightedMean(parameters),
    needsDeltaNorm: true,
    needsBase: true,
    weigh: (contribution) => weighFairly(contribution, parameters),
    divisor: (totals) => totals.term('curvature'),
  }),
});

function weighFairly(
  { metrics, numExamples, deltaNorm }: Contribution,
  { q, clientLearningRate, lossMetric, weighting }: FairParameters,
): Weighed | Unfit {
  const loss = metrics[lossMetric];
  if (loss === undefined) return { kind: 'unfit', detail: `The metric "${lossMetric}" is missing; q-fedavg needs it` };
  if (loss < 0) return { kind: 'unfit', detail: `The metric "${lossMetric}" is ${loss}; q-fedavg needs a loss ≥ 0` };
  const share = weighting === 'examples' ? numExamples : 1;
  const steepness = 1 / clientLearningRate;
  const fairness = (loss + lossOffset) ** q;
  const squaredNorm = (steepness * (deltaNorm ?? 0)) ** 2;
  const curvature = q * (loss + lossOffset) ** (q - 1) * squaredNorm + steepness * fairness;
  const [weight, divisor] = [share * fairness * steepness, share * curvature];
  if (!Number.isFinite(weight) || !Number.isFinite(divisor)) {
    return { kind: 'unfit', detail: `The metric "${lossMetric}" is ${loss}; to the power of ${q} it is out of range` };
  }
  return { kind: 'weighed', weight, terms: { curvature: divisor } };
}
