import { binomialTail } from './binomial.ts';
import type { ReportingTimes } from './reporting-times.ts';

/** With fewer outcomes than this the distribution says too little: the plan's own factor holds. */
const outcomesMin = 30;

export interface OverSelectionOptions {
  /** Contributions a round shall have, ≥ 1. */
  readonly cohortSize: number;
  /** By when they shall be there, from the selection on, ms. */
  readonly trainingWindowMs: number;
  /** How likely that shall be, in (0, 1). */
  readonly confidence: number;
  /** Largest factor, ≥ 1. */
  readonly factorMax: number;
  /** The factor until enough is known, ≥ 1. */
  readonly factorAtFirst: number;
}

/** How many to select, and the numbers that says so. */
export interface OverSelection {
  /** `selected / cohortSize`. */
  readonly factor: number;
  readonly selected: number;
  /** Estimated share of selected clients that report within the training window; null while too little is known. */
  readonly reportingShare: number | null;
  /** How likely `cohortSize` of `selected` report in time; null while too little is known. */
  readonly probability: number | null;
  readonly outcomes: number;
  /** The same for people. */
  readonly summary: string;
}

/**
 * Over-selection that follows what is seen: the smallest cohort of which, with the confidence asked for, `cohortSize`
 * report within the training window, if clients report independently of each other: the tail of a binomial
 * distribution. Bonawitz et al. 2019, https://arxiv.org/abs/1902.01046, §2.2, select 130 % for the 6 to 10 % that drop
 * out; this computes the number. The share that reports is estimated as if one more client had reported and one more had
 * not (Laplace's rule of succession), so that it is never 0 or 1. O(m log m) for m outcomes.
 */
export function adaptOverSelection(times: ReportingTimes, options: OverSelectionOptions): OverSelection {
  const { cohortSize, trainingWindowMs, confidence, factorMax, factorAtFirst } = options;
  const outcomes = times.count;
  if (outcomes < outcomesMin) {
    const factor = Math.min(factorAtFirst, factorMax);
    const summary = `${outcomes} outcomes seen, fewer than ${outcomesMin}: ${factor} times as at first`;
    const selected = Math.ceil(factor * cohortSize);
    return { factor, selected, reportingShare: null, probability: null, outcomes, summary };
  }
  const share = (times.shareBy(trainingWindowMs) * outcomes + 1) / (outcomes + 2);
  const probabilityOf = (selected: number) => binomialTail({ trials: selected, share, atLeast: cohortSize });
  const selectedMax = Math.floor(factorMax * cohortSize);
  const selected = smallest(cohortSize, selectedMax, (size) => probabilityOf(size) >= confidence);
  const probability = probabilityOf(selected);
  const factor = selected / cohortSize;
  const summary =
    `${percent(share)} of selected clients report within ${trainingWindowMs} ms (${outcomes} outcomes), ` +
    `so ${selected} selected give ${cohortSize} with probability ${percent(probability)}` +
    (probability < confidence ? `, the most that ${factorMax} times can do` : '');
  return { factor, selected, reportingShare: share, probability, outcomes, summary };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** @returns the smallest number from `from` to `to` that is enough, or `to` when none is; being enough is monotonic. */
function smallest(from: number, to: number, isEnough: (size: number) => boolean): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle + 1;
  }
  return high;
}
