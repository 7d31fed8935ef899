import { type RunningParameters, runningSettings, weightedMean } from './running.ts';
import { type Contribution, defineStrategy, type Unfit, type Weighed } from './strategy.ts';

interface NovaParameters extends RunningParameters {
  localStepsMetric: string;
  localMomentum: number;
}

/**
 * Clients may take different numbers of local steps τ, yet the objective stays what it is: each update is divided by its
 * own steps, and the mean multiplied by their mean. With p = numExamples / Σ numExamples and a = τ (plain SGD) or, with
 * local momentum ρ, `(τ − ρ·(1 − ρ^τ)/(1 − ρ)) / (1 − ρ)`: `next = base + Σ p·a · Σ p·(update − base)/a`.
 * Wang et al. 2020, sections 3 and 4, arXiv 2007.07481.
 */
export const fednova = defineStrategy<NovaParameters>({
  name: 'fednova',
  summary: 'FedAvg that is not biased towards clients which take more local steps.',
  source: 'Wang et al. 2020, arXiv 2007.07481',
  settings: {
    ...runningSettings,
    localStepsMetric: {
      kind: 'text',
      default: 'local_steps',
      help: 'Name of the metric in which clients say how many local steps they took.',
    },
    localMomentum: { kind: 'number', default: 0, min: 0, max: 0.999_999, help: 'Momentum of the clients’ SGD.' },
  },
  create: (parameters) => ({
    ...weightedMean(parameters),
    needsBase: true,
    weigh: (contribution) => weighBySteps(contribution, parameters),
    // Σ n, divided by the mean of a: Σ n·a / Σ n.
    divisor: (totals) => totals.term('examples') ** 2 / totals.term('steps'),
  }),
});

function weighBySteps(
  { numExamples, metrics }: Contribution,
  { localStepsMetric, localMomentum }: NovaParameters,
): Weighed | Unfit {
  const steps = metrics[localStepsMetric];
  if (steps === undefined) {
    return { kind: 'unfit', detail: `The metric "${localStepsMetric}" is missing; fednova needs it` };
  }
  if (!(steps > 0)) {
    return { kind: 'unfit', detail: `The metric "${localStepsMetric}" is ${steps}; fednova needs a number above 0` };
  }
  const length = accumulated(steps, localMomentum);
  const weight = numExamples / length;
  if (!(length > 0) || !Number.isFinite(weight)) {
    return { kind: 'unfit', detail: `The metric "${localStepsMetric}" is ${steps}, which is too small` };
  }
  return { kind: 'weighed', weight, terms: { examples: numExamples, steps: numExamples * length } };
}

/** How far the local steps go together, in gradients: ‖a‖₁ in the paper. */
const accumulated = (steps: number, momentum: number): number =>
  momentum === 0 ? steps : (steps - (momentum * (1 - momentum ** steps)) / (1 - momentum)) / (1 - momentum);
