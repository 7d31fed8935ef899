import type { ClientHistory } from './history.ts';

/** Utilities above this quantile count as that: robustness against clients that exaggerate, Oort §4.4. */
const clipQuantile = 0.95;
/** Reporting times above this quantile are slow, unless the plan says what is. */
const paceQuantile = 0.8;
/** Weight of how long ago a client was tried: `sqrt(0.1 · ln R / L)`, Oort algorithm 1. */
const stalenessWeight = 0.1;

export interface UtilityOptions {
  /** Reporting time above which a client is penalised, ms; null: the 80th percentile of those known. */
  readonly reportMsPreferred: number | null;
  /** How much longer than that is preferred for each step of the pacer, ms; null: it has none. */
  readonly pacerStepMs: number | null;
  /** α: a client that takes x times the preferred time counts x^α times less. 0 for no penalty. */
  readonly slownessPenalty: number;
}

/**
 * What a client's next update is worth, as far as its last one tells: Oort §4.2 and §4.3. The statistical part is
 * examples × loss, the paper's |B| · sqrt(Σ loss² / |B|) when the client's metric is the root mean square of its
 * examples' losses (a mean loss is a lower bound of that), as a share of the clipping value, so that the bonus for
 * clients not tried for long compares with it. Their sum is multiplied by two factors: slowness, as in the paper, and,
 * ours, one half for each selection in a row that it did not see through, since a client that never reports would keep
 * its utility.
 */
export class Utilities {
  readonly #history: ClientHistory;
  readonly #slownessPenalty: number;
  readonly #reportMsPreferred: number;
  readonly #gainMax: number;

  /** Reads the scales off the candidates. O(n + m log m) for m that are known. */
  constructor(slots: Uint32Array, history: ClientHistory, options: UtilityOptions) {
    this.#history = history;
    this.#slownessPenalty = options.slownessPenalty;
    this.#gainMax = quantileOf(slots, (slot) => this.#gain(slot), clipQuantile) ?? 0;
    const { reportMsPreferred, pacerStepMs } = options;
    this.#reportMsPreferred =
      reportMsPreferred === null
        ? (quantileOf(slots, (slot) => history.reportMs(slot), paceQuantile) ?? Number.POSITIVE_INFINITY)
        : reportMsPreferred + history.pacer.steps * (pacerStepMs ?? 0);
  }

  isKnown(slot: number): boolean {
    return !Number.isNaN(this.#gain(slot));
  }

  /** ≥ 0; of a client whose utility is known. */
  of(slot: number): number {
    const gain = this.#gainMax > 0 ? Math.min(this.#gain(slot), this.#gainMax) / this.#gainMax : 0;
    return (gain + this.#staleness(slot)) * this.readiness(slot);
  }

  /** How far the client can be expected to report, and in time: 1 unless something speaks against it, > 0. */
  readiness(slot: number): number {
    const reportMs = this.#history.reportMs(slot);
    const isSlow = reportMs > this.#reportMsPreferred;
    const speed = isSlow ? (this.#reportMsPreferred / reportMs) ** this.#slownessPenalty : 1;
    return speed * 0.5 ** this.#history.failuresInRow(slot);
  }

  /** |examples × loss|: a metric below 0 has a size all the same, and one beyond all numbers is the largest. NaN: unknown. */
  #gain(slot: number): number {
    return Math.min(Number.MAX_VALUE, Math.abs(this.#history.numExamples(slot) * this.#history.loss(slot)));
  }

  #staleness(slot: number): number {
    const { roundsBegun } = this.#history;
    const lastRound = this.#history.lastRound(slot);
    return roundsBegun > 1 && lastRound > 0 ? Math.sqrt((stalenessWeight * Math.log(roundsBegun)) / lastRound) : 0;
  }
}

/** @returns the lower empirical quantile of the values that are known, or null when none is. */
function quantileOf(slots: Uint32Array, read: (slot: number) => number, quantile: number): number | null {
  let known = 0;
  for (const slot of slots) if (!Number.isNaN(read(slot))) known += 1;
  const values = new Float64Array(known);
  let index = 0;
  for (const slot of slots) {
    const value = read(slot);
    if (Number.isNaN(value)) continue;
    values[index] = value;
    index += 1;
  }
  values.sort();
  return values[Math.ceil(quantile * known) - 1] ?? null;
}
