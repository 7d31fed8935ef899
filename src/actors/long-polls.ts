import type { Clock } from '../domain/clock.ts';
import type { ClientStanding, Heartbeat } from '../domain/participation.ts';

/** What a client is told, as far as a change of it is news. */
export interface Standing {
  state: ClientStanding;
  round: number;
}

interface HeldCall {
  known: Standing;
  answer: () => void;
}

/** A round number alone is news only to a client that is in a round. */
const isNews = (now: Standing, known: Standing): boolean =>
  now.state !== known.state || ((now.state === 'selected' || now.state === 'training') && now.round !== known.round);

/**
 * Heartbeats held until there is news. One per client: a newer call answers the older one. Nothing polls: whoever
 * changes a client's state says so by `wake`.
 */
export class LongPolls {
  readonly #clock: Clock;
  readonly #held = new Map<number, HeldCall>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#held.size;
  }

  /** @param read what the client would be told now; @throws what `read` throws, at once or when the wait ends. */
  hold(
    slot: number,
    read: () => Heartbeat,
    { waitMs, known, signal }: { waitMs: number; known: Standing; signal?: AbortSignal | undefined },
  ): Promise<Heartbeat> {
    this.#held.get(slot)?.answer();
    if (waitMs <= 0 || signal?.aborted || isNews(read(), known)) return Promise.resolve(read());
    return new Promise((resolve, reject) => {
      const answer = () => {
        this.#clock.clearTimeout(timer);
        signal?.removeEventListener('abort', answer);
        if (this.#held.get(slot) === call) this.#held.delete(slot);
        try {
          resolve(read());
        } catch (error) {
          reject(error);
        }
      };
      const call: HeldCall = { known, answer };
      const timer = this.#clock.setTimeout(answer, waitMs);
      signal?.addEventListener('abort', answer);
      this.#held.set(slot, call);
    });
  }

  /** @param standing what the client is told now, or null when it is gone. */
  wake(slot: number, standing: () => Standing | null): void {
    const call = this.#held.get(slot);
    if (!call) return;
    const now = standing();
    if (now === null || isNews(now, call.known)) call.answer();
  }

  /** Wakes whoever has news. */
  wakeAll(standing: (slot: number) => Standing | null): void {
    for (const slot of [...this.#held.keys()]) this.wake(slot, () => standing(slot));
  }

  /** Ends every held call. */
  release(): void {
    for (const call of [...this.#held.values()]) call.answer();
  }
}
