import type { SpanCounts } from '../domain/tracing.ts';
import { messageOf } from '../domain/words.ts';
import type { TraceSpan } from './trace-span.ts';

/** Attempts and rounds whose spans wait to be sent; more are dropped. */
const waitingMax = 64;
/** Spans made and sent at once. */
const batchMax = 256;

/** Whoever takes spans. */
export interface Delivery {
  /** @throws when they were not taken, and will not be. */
  send(spans: readonly TraceSpan[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Sends spans, a batch at a time, and never makes anybody wait. They are made when their turn comes, so that what waits
 * costs nothing but a reference; what there is no room for is dropped, and counted.
 */
export class Outbox {
  readonly #delivery: Delivery;
  readonly #onNote: (sentence: string) => void;
  readonly #waiting: Iterator<TraceSpan, unknown>[] = [];
  readonly #counts = { sent: 0, failed: 0, dropped: 0 };
  #sending: Promise<void> | null = null;
  #isFailing = false;

  constructor(delivery: Delivery, onNote: (sentence: string) => void) {
    this.#delivery = delivery;
    this.#onNote = onNote;
  }

  get counts(): SpanCounts {
    return this.#counts;
  }

  offer(spans: Iterable<TraceSpan>): void {
    if (this.#waiting.length === waitingMax) {
      this.#counts.dropped += countOf(spans[Symbol.iterator]());
      return;
    }
    this.#waiting.push(spans[Symbol.iterator]());
    this.#sending ??= this.#sendAll()
      .catch((error: unknown) => this.#noteFailure(error))
      .finally(() => {
        this.#sending = null;
      });
  }

  /** Sends what waits and closes, for at most `graceMs` in all; the rest is dropped. */
  async close(graceMs: number): Promise<void> {
    let closing: Promise<void> | null = null;
    const close = () => {
      closing ??= this.#delivery.close().catch(() => undefined);
      return closing;
    };
    await withinMs(graceMs, (this.#sending ?? Promise.resolve()).then(close));
    for (const left of this.#waiting.splice(0)) this.#counts.dropped += countOf(left);
    void close();
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Whoever ended a round goes on first.
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#send(this.#nextBatch());
    }
  }

  /** As many spans as are sent at once, of as many attempts as it takes. */
  #nextBatch(): TraceSpan[] {
    const batch: TraceSpan[] = [];
    for (let next = this.#waiting[0]; next && batch.length < batchMax; next = this.#waiting[0]) {
      const { done, value } = next.next();
      if (done) this.#waiting.shift();
      else batch.push(value);
    }
    return batch;
  }

  async #send(batch: readonly TraceSpan[]): Promise<void> {
    if (batch.length === 0) return;
    try {
      await this.#delivery.send(batch);
      this.#counts.sent += batch.length;
      if (this.#isFailing) this.#onNote('Traces are delivered again');
      this.#isFailing = false;
    } catch (error) {
      this.#counts.failed += batch.length;
      this.#noteFailure(error);
    }
  }

  /** Says so once, until it goes well again. */
  #noteFailure(error: unknown): void {
    const why = messageOf(error);
    if (!this.#isFailing) this.#onNote(`Traces cannot be delivered, and the server goes on without: ${why}`);
    this.#isFailing = true;
  }
}

function countOf(spans: Iterator<TraceSpan, unknown>): number {
  let count = 0;
  while (!spans.next().done) count += 1;
  return count;
}

/** Waits for it, but no longer. */
async function withinMs(msMax: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, msMax);
  });
  await Promise.race([work, over]).finally(() => clearTimeout(timer));
}
