import type { Contribution, RunningStrategy, Totals, Unfit, Weighed } from './strategy.ts';

/** How an update is added to the sum. */
export interface Folding {
  /** Factor of the update in the sum; 0: it is not folded. */
  readonly weight: number;
  /** What is in the sum counts no more: set it to 0 first. */
  readonly clear: boolean;
}

/** How the sum becomes the aggregate: `sum / divisor + baseShare · base`. */
export interface Finishing {
  /** > 0 */
  readonly divisor: number;
  /** 0 where the base is not needed. */
  readonly baseShare: number;
}

/**
 * What a running strategy must know of the updates in a sum. Updates that bring no number of examples weigh the same, and
 * count only as long as no update brings one. Contributions must be added in the order of folding: it gives the bits.
 */
export class RunningTotals {
  readonly #strategy: RunningStrategy;
  #contributions = 0;
  #weight = 0;
  /** Σ of the factors in the sum: Σ weight, clipped. */
  #folded = 0;
  #terms = new Map<string, number>();
  #isWeighted = false;
  #isFresh = true;

  constructor(strategy: RunningStrategy) {
    this.#strategy = strategy;
  }

  /** @throws {RangeError} the update cannot be weighed; see {@link weigh}. */
  add(contribution: Contribution): Folding {
    const isWeighted = contribution.numExamples > 0;
    if (!isWeighted && this.#isWeighted) return { weight: 0, clear: false };
    if (isWeighted && !this.#isWeighted) this.#restart();
    this.#isWeighted = isWeighted;
    const weighed = weigh(this.#strategy, contribution);
    if (weighed.kind === 'unfit') throw new RangeError(weighed.detail);
    const staleness = contribution.staleness ?? 1;
    const weight = weighed.weight * staleness;
    const factor = weight * clipFactor(this.#strategy.clipNorm, contribution.deltaNorm);
    this.#contributions += 1;
    this.#weight += weight;
    this.#folded += factor;
    for (const [name, term] of Object.entries(weighed.terms)) {
      this.#terms.set(name, (this.#terms.get(name) ?? 0) + term * staleness);
    }
    const clear = this.#isFresh;
    this.#isFresh = false;
    return { weight: factor, clear };
  }

  /**
   * For the aggregate itself, or, where the strategy has an optimiser, for the pseudo-gradient: aggregate − base.
   * @param updateKind what was folded. @throws {RangeError} there is no weight, so no mean.
   */
  finishing(updateKind: 'weights' | 'deltas'): Finishing {
    const terms = this.#terms;
    const totals: Totals = {
      contributions: this.#contributions,
      weight: this.#weight,
      term: (name) => terms.get(name) ?? 0,
    };
    const divisor = this.#strategy.divisor(totals);
    if (!(divisor > 0 && divisor < Number.POSITIVE_INFINITY)) throw new RangeError('No weight, so no mean');
    const ofBase = this.#strategy.optimiser ? 0 : 1;
    // Full weights hold the base once for each unit of weight; 1 − 1 is 0 exactly, so that a plain mean needs no base.
    return { divisor, baseShare: updateKind === 'deltas' ? ofBase : ofBase - this.#folded / divisor };
  }

  #restart(): void {
    this.#contributions = 0;
    this.#weight = 0;
    this.#folded = 0;
    this.#terms = new Map();
    this.#isFresh = true;
  }
}

/** How much an update weighs, its delta already clipped; also asked before it is accepted, to refuse what is unfit. */
export function weigh(strategy: RunningStrategy, contribution: Contribution): Weighed | Unfit {
  const { numExamples, deltaNorm } = contribution;
  if (deltaNorm === null && (strategy.needsDeltaNorm || strategy.clipNorm !== null)) {
    return { kind: 'unfit', detail: 'The norm of update − global model is not known' };
  }
  const clipped = deltaNorm === null ? null : deltaNorm * clipFactor(strategy.clipNorm, deltaNorm);
  return strategy.weigh({ ...contribution, numExamples: Math.max(1, numExamples), deltaNorm: clipped });
}

/** Factor that brings a delta of this norm down to the largest allowed; 1 for shorter ones. */
export const clipFactor = (clipNorm: number | null, deltaNorm: number | null): number =>
  clipNorm === null || deltaNorm === null || deltaNorm <= clipNorm ? 1 : clipNorm / deltaNorm;
