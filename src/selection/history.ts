import { Pacer } from './pacer.ts';
import { ReportingTimes } from './reporting-times.ts';

/** What a client reported with an accepted update. */
export interface Report {
  /** From being selected to the acceptance of its update, ms. */
  ms: number;
  numExamples: number;
  metrics: Readonly<Record<string, number>>;
}

const failuresInRowMax = 255;

/** Room for a slot and more: doubling, so that each is copied a bounded number of times. */
const capacityFor = (slot: number, before: number): number => Math.max(1_024, before * 2, slot + 1);

/**
 * What selection may learn from: a struct of typed arrays by slot, whatever the number of rounds. 4 bytes a client, and
 * 33 more once something of a client is told but that it registered.
 * It is told facts in the order they happen, reads no clock, and can be built again from round records (see
 * `RoundLessons`). A slot of −1 stands for a client that is not known any more: only the distribution of reporting
 * times learns from it.
 */
export class ClientHistory {
  /** How long cohorts take to report, and how many never do. */
  readonly reportingTimes = new ReportingTimes();
  /** Whether rounds bring less than they did. */
  readonly pacer = new Pacer();
  readonly #lossMetric: string;
  #roundsBegun = 0;
  #registrations = 0;
  /** Most turns that somebody had when selected before this round. */
  #turn = 0;
  #turnNext = 0;
  #capacity = 0;
  #lastRound = new Uint32Array(0);
  #timesSelected = new Uint32Array(0);
  #turns = new Uint32Array(0);
  #numExamples = new Float64Array(0);
  #loss = new Float64Array(0);
  #reportMs = new Float32Array(0);
  #registration = new Uint32Array(0);
  #failuresInRow = new Uint8Array(0);

  /** @param lossMetric the metric of an update that tells how much is left to learn from its client. */
  constructor(lossMetric = 'loss') {
    this.#lossMetric = lossMetric;
  }

  /** Attempts at rounds so far: the time by which turns are measured. Unlike round numbers it never starts again. */
  get roundsBegun(): number {
    return this.#roundsBegun;
  }

  /** Registrations so far. */
  get registrations(): number {
    return this.#registrations;
  }

  // ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A new client has this slot: what was known of the former one is forgotten. */
  registered(slot: number): void {
    this.#registrations += 1;
    if (slot >= this.#registration.length) {
      const registration = new Uint32Array(capacityFor(slot, this.#registration.length));
      registration.set(this.#registration);
      this.#registration = registration;
    }
    this.#registration[slot] = this.#registrations;
    if (slot < this.#capacity) this.#forget(slot);
  }

  /** An attempt at a round begins. */
  roundBegan(): void {
    this.#roundsBegun += 1;
    this.#turn = this.#turnNext;
  }

  selected(slot: number): void {
    if (slot < 0) return;
    this.#reach(slot);
    this.#lastRound[slot] = this.#roundsBegun;
    this.#timesSelected[slot] = this.timesSelected(slot) + 1;
    const turns = this.turns(slot);
    this.#turns[slot] = turns + 1;
    this.#turnNext = Math.max(this.#turnNext, turns);
  }

  /** Its update was accepted. */
  reported(slot: number, { ms, numExamples, metrics }: Report): void {
    const loss = metrics[this.#lossMetric] ?? Number.NaN;
    this.reportingTimes.reported(ms);
    this.pacer.gained(Math.abs(numExamples * loss));
    if (slot < 0) return;
    this.#reach(slot);
    this.#reportMs[slot] = ms;
    this.#numExamples[slot] = numExamples;
    this.#loss[slot] = loss;
    this.#failuresInRow[slot] = 0;
  }

  /** It had not reported after `ms`, when nobody waited any longer: it takes at least so long. */
  late(slot: number, ms: number): void {
    this.reportingTimes.pending(ms);
    if (slot < 0) return;
    this.#reach(slot);
    const known = this.reportMs(slot);
    this.#reportMs[slot] = Number.isNaN(known) ? ms : Math.max(known, ms);
  }

  /** The round closed without it after `ms`, before it was late: no fault of its own. */
  notNeeded(ms: number): void {
    this.reportingTimes.pending(ms);
  }

  /** It went away, began anew, or its uploads were refused: it will not report. */
  failed(slot: number): void {
    this.reportingTimes.gone();
    if (slot < 0) return;
    this.#reach(slot);
    this.#failuresInRow[slot] = Math.min(failuresInRowMax, this.failuresInRow(slot) + 1);
  }

  // ── what is known ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Which registration brought the present owner of the slot; 0 when none was told. */
  registrationOf(slot: number): number {
    return this.#registration[slot] ?? 0;
  }

  /** `roundsBegun` when it was last selected; 0 for never. */
  lastRound(slot: number): number {
    return this.#lastRound[slot] ?? 0;
  }

  timesSelected(slot: number): number {
    return this.#timesSelected[slot] ?? 0;
  }

  /**
   * Turns it had, or was passed over for while it was away: like `timesSelected`, but never less than what those had
   * who were selected last. So one that is new or comes back does not catch up; the virtual time of fair queueing
   * (Demers, Keshav & Shenker 1989, SIGCOMM).
   */
  turns(slot: number): number {
    return Math.max(this.#turns[slot] ?? 0, this.#turn);
  }

  /** Of its last contribution; NaN before the first. */
  numExamples(slot: number): number {
    return this.#numExamples[slot] ?? Number.NaN;
  }

  /** Of its last contribution; NaN before the first, or when that reported none. */
  loss(slot: number): number {
    return this.#loss[slot] ?? Number.NaN;
  }

  /** How long it took to report, or at least that long when it was late, ms; NaN when nothing is known. */
  reportMs(slot: number): number {
    return this.#reportMs[slot] ?? Number.NaN;
  }

  /** Selections in a row that it did not see through, up to 255. */
  failuresInRow(slot: number): number {
    return this.#failuresInRow[slot] ?? 0;
  }

  #forget(slot: number): void {
    this.#lastRound[slot] = 0;
    this.#timesSelected[slot] = 0;
    this.#turns[slot] = 0;
    this.#numExamples[slot] = Number.NaN;
    this.#loss[slot] = Number.NaN;
    this.#reportMs[slot] = Number.NaN;
    this.#failuresInRow[slot] = 0;
  }

  #reach(slot: number): void {
    if (slot < this.#capacity) return;
    const before = this.#capacity;
    const capacity = capacityFor(slot, before);
    const grown = <A extends Uint8Array | Uint32Array | Float32Array | Float64Array>(array: A, larger: A): A => {
      larger.set(array);
      return larger;
    };
    this.#lastRound = grown(this.#lastRound, new Uint32Array(capacity));
    this.#timesSelected = grown(this.#timesSelected, new Uint32Array(capacity));
    this.#turns = grown(this.#turns, new Uint32Array(capacity));
    this.#numExamples = grown(this.#numExamples, new Float64Array(capacity)).fill(Number.NaN, before);
    this.#loss = grown(this.#loss, new Float64Array(capacity)).fill(Number.NaN, before);
    this.#reportMs = grown(this.#reportMs, new Float32Array(capacity)).fill(Number.NaN, before);
    this.#failuresInRow = grown(this.#failuresInRow, new Uint8Array(capacity));
    this.#capacity = capacity;
  }
}
