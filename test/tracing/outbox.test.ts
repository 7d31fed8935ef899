import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Delivery, Outbox } from '../../src/tracing/outbox.ts';
import type { TraceSpan } from '../../src/tracing/trace-span.ts';

const spanOf = (name: string): TraceSpan => ({
  ...{ traceId: '1'.repeat(32), spanId: '2'.repeat(16), parentId: null, name },
  ...{ startMs: 1, endMs: 2, attributes: {}, events: [], status: { kind: 'none' as const } },
});

const spansOf = (count: number): TraceSpan[] => Array.from({ length: count }, (_, index) => spanOf(`${index}`));

/** Takes a batch each time it is told to. */
class Slow implements Delivery {
  readonly batches: number[] = [];
  #open: PromiseWithResolvers | null = null;
  #asked: (() => void) | null = null;

  send(spans: readonly TraceSpan[]): Promise<void> {
    this.batches.push(spans.length);
    return new Promise((resolve, reject) => {
      this.#open = { resolve, reject };
      this.#asked?.();
    });
  }

  async asked(): Promise<PromiseWithResolvers> {
    if (!this.#open) await new Promise<void>((resolve) => (this.#asked = resolve));
    const open = this.#open;
    this.#open = null;
    this.#asked = null;
    if (!open) throw new Error('Nothing was sent');
    return open;
  }

  async close(): Promise<void> {}
}

interface PromiseWithResolvers {
  resolve: () => void;
  reject: (error: Error) => void;
}

describe('the spans that wait to be sent', () => {
  it('are dropped and counted when there is no room, and the others are sent', async () => {
    const delivery = new Slow();
    const outbox = new Outbox(delivery, () => undefined);
    for (let attempt = 0; attempt < 70; attempt += 1) outbox.offer(spansOf(3));
    expect(outbox.counts).toEqual({ sent: 0, failed: 0, dropped: 18 });
    const closing = outbox.close(20_000);
    (await delivery.asked()).resolve();
    await closing;
    expect(outbox.counts).toEqual({ sent: 192, failed: 0, dropped: 18 });
  });

  it('are made in batches, and not before their turn', async () => {
    const delivery = new Slow();
    const outbox = new Outbox(delivery, () => undefined);
    let made = 0;
    const many = function* () {
      for (const span of spansOf(600)) {
        made += 1;
        yield span;
      }
    };
    outbox.offer(many());
    expect(made).toBe(0);
    const first = await delivery.asked();
    expect(made).toBe(256);
    const closing = outbox.close(20_000);
    first.resolve();
    (await delivery.asked()).resolve();
    (await delivery.asked()).resolve();
    await closing;
    expect(delivery.batches).toEqual([256, 256, 88]);
  });

  it('that are not taken are counted; it is said once, and once when it goes well again', async () => {
    const notes: string[] = [];
    const delivery = new Slow();
    const outbox = new Outbox(delivery, (sentence) => notes.push(sentence));
    outbox.offer(spansOf(600));
    (await delivery.asked()).reject(new Error('no such host'));
    (await delivery.asked()).reject(new Error('no such host'));
    const last = await delivery.asked();
    const closing = outbox.close(20_000);
    last.resolve();
    await closing;
    expect(outbox.counts).toEqual({ sent: 88, failed: 512, dropped: 0 });
    expect(notes).toEqual([
      'Traces cannot be delivered, and the server goes on without: no such host',
      'Traces are delivered again',
    ]);
  });

  it('are given up at the end when they are not taken in time', async () => {
    const delivery = new Slow();
    const outbox = new Outbox(delivery, () => undefined);
    outbox.offer(spansOf(600));
    await delivery.asked();
    await outbox.close(1);
    expect(outbox.counts).toEqual({ sent: 0, failed: 0, dropped: 344 });
  });

  it('are waited for once, however long the collector takes to take them and to be left', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const never = new Promise<never>(() => undefined);
    const outbox = new Outbox({ send: () => never, close: () => never }, () => undefined);
    outbox.offer(spansOf(1));
    let isClosed = false;
    const closing = outbox.close(2_000).then(() => {
      isClosed = true;
    });
    await vi.advanceTimersByTimeAsync(1_999);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closing;
    // The same when everything was sent, and only the way back is slow.
    const slow = new Outbox({ send: async () => undefined, close: () => never }, () => undefined).close(2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    await slow;
  });

  it('harm nobody when one cannot be made', async () => {
    const notes: string[] = [];
    const delivery = new Slow();
    const outbox = new Outbox(delivery, (sentence) => notes.push(sentence));
    // biome-ignore lint/correctness/useYield: it is to fail before it yields
    const broken = function* (): Generator<TraceSpan> {
      throw new Error('no such client');
    };
    outbox.offer(broken());
    await expect.poll(() => notes).toEqual([expect.stringContaining('no such client')]);
    outbox.offer(spansOf(2));
    (await delivery.asked()).resolve();
    await outbox.close(20_000);
    expect(outbox.counts).toEqual({ sent: 2, failed: 0, dropped: 0 });
  });
});
