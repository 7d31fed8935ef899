import { ChorusError } from '../domain/errors.ts';

export interface TurnsOptions {
  /** Pieces of work that are under way or wait; more are refused. */
  waitingMax: number;
  /** What they do, for people: `moments are being looked up`. */
  what: string;
  /** When one that was refused shall come back, ms. */
  retryAfterMs: number;
}

/** One piece of work at a time, in the order in which it was asked for. */
export class Turns {
  readonly #options: TurnsOptions;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** @throws RATE_LIMITED, and what `work` throws */
  async take<T>(work: () => T | Promise<T>): Promise<T> {
    const { waitingMax, what, retryAfterMs } = this.#options;
    if (this.#waiting >= waitingMax) {
      throw new ChorusError('RATE_LIMITED', `${waitingMax} ${what} already`, { retryAfterMs });
    }
    this.#waiting += 1;
    try {
      const done = this.#last.then(work);
      this.#last = done.catch(() => undefined);
      return await done;
    } finally {
      this.#waiting -= 1;
    }
  }
}
