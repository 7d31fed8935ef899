import type { ExclusionReason, RoundRecord } from '../domain/round-record.ts';
import type { ClientHistory } from './history.ts';

/**
 * Tells a history what attempts at rounds say, each when it is over, oldest first. A server does so as rounds end, and
 * again with the records it kept when it starts: what it knows then is the same. Between two attempts it remembers who
 * trains on from one to the next, so that their time counts from their beginning, and their turn once.
 */
export class RoundLessons {
  readonly #history: ClientHistory;
  readonly #slotOf: (clientId: string) => number;
  #run = '';
  /** When those began who train on, Unix ms. At most a cohort. */
  #carried: ReadonlyMap<string, number> = new Map();

  /** @param slotOf the slot of a client, or −1 when it is not registered any more. */
  constructor(history: ClientHistory, slotOf: (clientId: string) => number) {
    this.#history = history;
    this.#slotOf = slotOf;
  }

  /** O(cohort). */
  learn(record: RoundRecord): void {
    if (record.run !== this.#run) this.#history.pacer.runBegan();
    const began = this.#beginnings(record);
    const msFrom = (clientId: string, atMs: number) => Math.max(0, atMs - (began.get(clientId) ?? atMs));
    for (const { clientId, acceptedAtMs, numExamples, metrics } of record.contributions) {
      const ms = msFrom(clientId, acceptedAtMs);
      this.#history.reported(this.#slotOf(clientId), { ms, numExamples, metrics });
      began.delete(clientId);
    }
    for (const { clientId, reason, atMs } of record.exclusions) {
      this.#exclude(this.#slotOf(clientId), reason, msFrom(clientId, atMs));
      began.delete(clientId);
    }
    this.#history.pacer.roundEnded(record.phase === 'committed');
    this.#run = record.run;
    this.#carried = record.phase === 'committed' ? began : new Map();
  }

  /** Counts who was selected. @returns when each of the cohort began, Unix ms. */
  #beginnings({ run, cohort, trainingAtMs, openedAtMs }: RoundRecord): Map<string, number> {
    const carried = run === this.#run ? this.#carried : new Map<string, number>();
    const began = new Map<string, number>();
    this.#history.roundBegan();
    for (const clientId of cohort) {
      const earlier = carried.get(clientId);
      if (earlier === undefined) this.#history.selected(this.#slotOf(clientId));
      began.set(clientId, earlier ?? trainingAtMs ?? openedAtMs);
    }
    return began;
  }

  /** @param ms from the client's beginning to its exclusion. */
  #exclude(slot: number, reason: ExclusionReason, ms: number): void {
    switch (reason) {
      case 'straggler':
        this.#history.late(slot, ms);
        break;
      case 'notNeeded':
        this.#history.notNeeded(ms);
        break;
      case 'heartbeatTimeout':
      case 'left':
      case 'reregistered':
      case 'uploadsRefused':
      case 'stale':
        this.#history.failed(slot);
        break;
      case 'evicted':
      case 'roundAbandoned':
        // Somebody else's doing: it says nothing of the client.
        break;
    }
  }
}
