import type { ClientTransfers, RoundRecord } from '../domain/round-record.ts';

/** Attempts at rounds kept for `GET /v1/rounds`; the oldest go first. */
const roundsKeptMax = 1_000;
/** Clients named in them, as members and as contributors, all in all; the last attempt is always kept. */
const namesKeptMax = 200_000;

const namesIn = ({ cohort, contributions }: RoundRecord): number => cohort.length + contributions.length;

/** Attempts that are over; at most 1,000, fewer when they are large. */
export class PastRounds {
  /** Oldest first. */
  readonly all: RoundRecord[] = [];
  #namesKept = 0;

  keep(record: RoundRecord): void {
    this.all.push(record);
    this.#namesKept += namesIn(record);
    while (this.all.length > roundsKeptMax || (this.#namesKept > namesKeptMax && this.all.length > 1)) {
      const dropped = this.all.shift();
      if (dropped) this.#namesKept -= namesIn(dropped);
    }
  }

  /** Adds to the record of the attempt that ended last. */
  addToLast(more: Partial<RoundRecord>): void {
    Object.assign(this.all.at(-1) ?? {}, more);
  }

  /** Adds to its clients' marks what became known when it ended. */
  addTransfersToLast(transfers: readonly ClientTransfers[]): void {
    const known = new Map(transfers.map((one) => [one.clientId, one]));
    for (const marks of this.all.at(-1)?.marks ?? []) Object.assign(marks, known.get(marks.clientId));
  }
}
