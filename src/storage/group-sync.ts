/**
 * One sync at a time; calls that come meanwhile share the next one. After a sync that failed, what the disk holds is
 * not known (a later one may succeed though bytes were dropped), so every later call fails with the same error.
 */
export class GroupSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #failure: { error: unknown } | null = null;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Settles when a sync that began after this call has ended. */
  request(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#begin();
    const next = () => this.#begin();
    this.#next = this.#running.then(next, next);
    return this.#next;
  }

  /** Settles when no sync is under way. Never fails. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => undefined);
  }

  /** From now on every call fails. */
  fail(error: unknown): void {
    this.#failure ??= { error };
  }

  /** Whether no call has failed. */
  get isSound(): boolean {
    return this.#failure === null;
  }

  /** @throws the error of the sync that failed. */
  assertSound(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #begin(): Promise<void> {
    this.#next = null;
    const running = this.#run().finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  async #run(): Promise<void> {
    this.assertSound();
    try {
      await this.#sync();
    } catch (error) {
      this.fail(error);
      throw error;
    }
  }
}
