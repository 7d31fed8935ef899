import type { ChorusEvent, EventFeed } from '../domain/handle.ts';

/** Events kept for subscribers that come back with `Last-Event-ID`. */
const eventsKeptMax = 2_048;

/** A bounded feed of what happened. A listener that throws is dropped; it never harms the publisher or the others. */
export class BoundedEventFeed implements EventFeed {
  readonly #now: () => number;
  readonly #onceWritten: (tell: () => void) => void;
  readonly #listeners = new Set<(event: ChorusEvent) => void>();
  readonly #kept: ChorusEvent[] = [];
  #lastId: number;

  /**
   * @param afterId the last id that may have been given out by earlier processes.
   * @param onceWritten puts off what may be told only when what led to it is written.
   */
  constructor(now: () => number, afterId: number, onceWritten: (tell: () => void) => void) {
    this.#now = now;
    this.#lastId = afterId;
    this.#onceWritten = onceWritten;
  }

  publish(type: string, data: Record<string, unknown>): void {
    this.#lastId += 1;
    const event: ChorusEvent = { id: this.#lastId, atMs: this.#now(), type, data };
    this.#kept.push(event);
    // Trimmed in blocks, so that publishing stays O(1).
    if (this.#kept.length > 2 * eventsKeptMax) this.#kept.splice(0, eventsKeptMax);
    this.#onceWritten(() => {
      for (const listener of this.#listeners) this.#tell(listener, event);
    });
  }

  subscribe(listener: (event: ChorusEvent) => void, { afterId }: { afterId?: number } = {}): () => void {
    this.#listeners.add(listener);
    if (afterId !== undefined) {
      // An id that was never given out is another process's: its reader starts anew.
      const last = afterId > this.#lastId ? 0 : afterId;
      for (const event of this.#kept.slice(-eventsKeptMax)) if (event.id > last) this.#tell(listener, event);
    }
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #tell(listener: (event: ChorusEvent) => void, event: ChorusEvent): void {
    try {
      listener(event);
    } catch {
      this.#listeners.delete(listener);
    }
  }
}
