import type { ChorusEvent, EventFeed } from '../domain/handle.ts';

/** Events kept for subscribers that come back with `Last-Event-ID`. */
const eventsKeptMax = 2_048;

/** A bounded feed of what happened. A listener that throws is dropped; it never harms the publisher or the others. */
export class BoundedEventFeed implements EventFeed {
  readonly #now: () => number;
  readonly #listeners = new Set<(event: ChorusEvent) => void>();
  readonly #kept: ChorusEvent[] = [];
  #lastId = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  publish(type: string, data: Record<string, unknown>): void {
    this.#lastId += 1;
    const event: ChorusEvent = { id: this.#lastId, atMs: this.#now(), type, data };
    this.#kept.push(event);
    // Trimmed in blocks, so that publishing stays O(1).
    if (this.#kept.length > 2 * eventsKeptMax) this.#kept.splice(0, eventsKeptMax);
    for (const listener of this.#listeners) this.#tell(listener, event);
  }

  subscribe(listener: (event: ChorusEvent) => void, { afterId }: { afterId?: number } = {}): () => void {
    if (afterId !== undefined) {
      for (const event of this.#kept.slice(-eventsKeptMax)) if (event.id > afterId) this.#tell(listener, event);
    }
    this.#listeners.add(listener);
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
