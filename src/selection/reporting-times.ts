/** Outcomes kept: the newest ones, so that the distribution follows the population. */
const outcomesMax = 2_048;

/** A client that will never report: it stays outstanding for ever. */
const never = Number.POSITIVE_INFINITY;

/**
 * How long selected clients take to report: the last 2,048 outcomes in a ring, 18 KiB. Many are cut off, since a round
 * closes when it has enough; leaving those out would count the slow ones as absent, counting them as failures would ask
 * for too many clients. So the share that reports by a time is the Kaplan–Meier estimate (Kaplan & Meier 1958,
 * Nonparametric estimation from incomplete observations, JASA 53).
 */
export class ReportingTimes {
  readonly #ms = new Float64Array(outcomesMax);
  /** 1 where the update came at that time, 0 where nobody waited longer. */
  readonly #came = new Uint8Array(outcomesMax);
  #added = 0;

  /** Outcomes kept, up to 2,048. */
  get count(): number {
    return Math.min(this.#added, outcomesMax);
  }

  /** An update was accepted this long after its client was selected. */
  reported(ms: number): void {
    this.#add(ms, 1);
  }

  /** Nothing had come after `ms`, and then nobody waited any longer. */
  pending(ms: number): void {
    this.#add(ms, 0);
  }

  /** The client was lost: it would not have reported, however long one waits. */
  gone(): void {
    this.#add(never, 0);
  }

  /**
   * @returns the estimated share of selected clients that report within `ms`, 0 to 1; 0 when nothing was observed.
   * O(m log m) for the m outcomes kept.
   */
  shareBy(ms: number): number {
    const order = Array.from({ length: this.count }, (_, index) => index).sort((a, b) => this.#before(a, b));
    let outstanding = 1;
    let atRisk = order.length;
    for (const index of order) {
      if ((this.#ms[index] ?? never) > ms) break;
      if (this.#came[index] === 1) outstanding *= 1 - 1 / atRisk;
      atRisk -= 1;
    }
    return 1 - outstanding;
  }

  /** By time; at the same time those that came first, since the others were still outstanding then. */
  #before(a: number, b: number): number {
    const [atA, atB] = [this.#ms[a] ?? never, this.#ms[b] ?? never];
    if (atA !== atB) return atA < atB ? -1 : 1;
    return (this.#came[b] ?? 0) - (this.#came[a] ?? 0);
  }

  #add(ms: number, came: 0 | 1): void {
    const index = this.#added % outcomesMax;
    this.#ms[index] = ms;
    this.#came[index] = came;
    this.#added += 1;
  }
}
