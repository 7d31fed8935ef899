import { bestOf } from './best-of.ts';

interface Order {
  /** Any number but NaN. */
  scoreOf: (slot: number) => number;
  /** Breaks ties; the same each time it is asked. */
  tieOf: (slot: number) => number;
}

/**
 * Slots ordered by score, highest first; equal scores by a draw, equal draws by slot. Keeps 8 bytes for each slot up to
 * the highest, from which ranks are answered later, whatever has become of the clients since. O(n + n log count) to
 * build.
 */
export class Ranking {
  readonly size: number;
  /** The best, best first; at most as many as asked for. */
  readonly top: readonly number[];
  readonly #scores: Float64Array;
  readonly #tieOf: (slot: number) => number;

  /** @param slots distinct; not kept. @param count how many of the best are wanted. */
  constructor(slots: Uint32Array, count: number, { scoreOf, tieOf }: Order) {
    this.size = slots.length;
    this.#tieOf = tieOf;
    let slotMax = -1;
    for (const slot of slots) if (slot > slotMax) slotMax = slot;
    this.#scores = new Float64Array(slotMax + 1).fill(Number.NaN);
    for (const slot of slots) this.#scores[slot] = scoreOf(slot);
    this.top = bestOf(slots, count, (a, b) => this.#isBehind(a, b));
  }

  has(slot: number): boolean {
    return !Number.isNaN(this.scoreOf(slot));
  }

  /** NaN for a slot that is not ranked. */
  scoreOf(slot: number): number {
    return this.#scores[slot] ?? Number.NaN;
  }

  /** @returns the place of a ranked slot, from 1. O(n). */
  rankOf(slot: number): number {
    let rank = 1;
    for (let other = 0; other < this.#scores.length; other += 1) {
      if (this.has(other) && this.#isBehind(slot, other)) rank += 1;
    }
    return rank;
  }

  #isBehind(a: number, b: number): boolean {
    const [scoreA, scoreB] = [this.#scores[a] ?? 0, this.#scores[b] ?? 0];
    if (scoreA !== scoreB) return scoreA < scoreB;
    const [tieA, tieB] = [this.#tieOf(a), this.#tieOf(b)];
    return tieA !== tieB ? tieA < tieB : a > b;
  }
}
