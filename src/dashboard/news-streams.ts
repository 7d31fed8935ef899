import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { ChorusEvent, CoordinatorHandle } from '../domain/handle.ts';
import type { News } from './contract.ts';

/** News of this long is told at once, ms: an eye sees no more. */
const calmMsMin = 250;
/** So much longer for each open page, ms: however many there are, no more than 500 are written to in a second. */
const calmMsPerWatcher = 2;
/** Events kept for pages that fell behind; more than these, and a page is told that it missed some. */
const eventsKeptMax = 1_000;
/** Events told to a page that opens. */
const eventsAtStartMax = 200;
/** A page with this much unsent is left alone until it has caught up, bytes. */
const backlogBytesMax = 262_144;
const keepAliveMs = 15_000;
/** When a page that was cut off comes back, ms. */
const reconnectMs = 1_000;

interface Watcher {
  response: ServerResponse;
  /** Id of the last event it was told. */
  lastId: number;
}

/**
 * Server-Sent Events to every open dashboard: the status as it is now, with the events since the last time. What
 * happens in quick succession is told together, put into words once for all pages, and a page that reads slowly is
 * skipped and then told where things stand, so that nothing piles up for it.
 */
export class NewsStreams {
  readonly #handle: Pick<CoordinatorHandle, 'events' | 'status'>;
  readonly #watchersMax: number;
  readonly #now: () => number;
  readonly #server = randomUUID();
  readonly #watchers = new Set<Watcher>();
  #kept: ChorusEvent[] = [];
  /** Id of the last event that was told. */
  #toldId = 0;
  #unsubscribe: (() => void) | null = null;
  #flushTimer: NodeJS.Timeout | null = null;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor({
    handle,
    watchersMax,
    now,
  }: {
    handle: Pick<CoordinatorHandle, 'events' | 'status'>;
    watchersMax: number;
    now: () => number;
  }) {
    this.#handle = handle;
    this.#watchersMax = watchersMax;
    this.#now = now;
  }

  get isFull(): boolean {
    return this.#watchers.size >= this.#watchersMax;
  }

  /**
   * Takes over the response until its page goes or the server closes.
   * @param after what the page was told last, or null when it opens. Another process's: it starts anew.
   */
  open(
    response: ServerResponse,
    headers: Readonly<Record<string, string>>,
    after: { server: string; id: number } | null,
  ): void {
    this.#start();
    // The body ends with the connection, so it needs no chunks: the same bytes go to all as they are.
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // A stream that ends takes its connection with it, so that closing the server waits for none.
      connection: 'close',
      'x-accel-buffering': 'no',
    });
    const watcher: Watcher = { response, lastId: this.#lastKeptId };
    const drop = () => this.#drop(watcher);
    response.on('close', drop);
    response.on('error', () => response.destroy());
    response.on('drain', () => this.#tell(watcher));
    const known = after?.server === this.#server ? after.id : null;
    const events = this.#since(known ?? Math.max(0, this.#lastKeptId - eventsAtStartMax));
    const missed = known !== null && (events[0]?.id ?? known + 1) > known + 1;
    response.write(`retry: ${reconnectMs}\n\n${this.#message(events, missed)}`);
    this.#watchers.add(watcher);
  }

  /** Ends every stream. */
  close(): void {
    for (const watcher of this.#watchers) {
      watcher.response.end();
      this.#drop(watcher);
    }
  }

  /** While nobody watches, nothing is gathered: what was kept by the feed is read when somebody comes. */
  #start(): void {
    if (this.#unsubscribe) return;
    this.#kept = [];
    this.#unsubscribe = this.#handle.events.subscribe((event) => this.#keep(event), { afterId: 0 });
    this.#toldId = this.#lastKeptId;
    this.#keepAlive = setInterval(() => {
      for (const { response } of this.#watchers) response.write(':\n\n');
    }, keepAliveMs).unref();
  }

  #keep(event: ChorusEvent): void {
    this.#kept.push(event);
    // Trimmed in blocks, so that keeping stays O(1).
    if (this.#kept.length > 2 * eventsKeptMax) this.#kept.splice(0, eventsKeptMax);
    if (this.#watchers.size > 0) this.#flushTimer ??= setTimeout(() => this.#flush(), this.#calmMs);
  }

  get #calmMs(): number {
    return Math.max(calmMsMin, calmMsPerWatcher * this.#watchers.size);
  }

  get #lastKeptId(): number {
    return this.#kept.at(-1)?.id ?? 0;
  }

  #since(id: number): ChorusEvent[] {
    const first = this.#kept.findIndex((event) => event.id > id);
    return first === -1 ? [] : this.#kept.slice(first).slice(-eventsKeptMax);
  }

  #flush(): void {
    this.#flushTimer = null;
    const before = this.#toldId;
    const forMost = Buffer.from(this.#message(this.#since(before), false));
    this.#toldId = this.#lastKeptId;
    for (const watcher of this.#watchers) {
      if (watcher.lastId !== before) this.#tell(watcher);
      else if (watcher.response.writableLength <= backlogBytesMax) {
        watcher.response.write(forMost);
        watcher.lastId = this.#toldId;
      }
    }
  }

  /** Catches a page up. */
  #tell(watcher: Watcher): void {
    const { response, lastId } = watcher;
    if (lastId === this.#toldId || response.writableLength > backlogBytesMax) return;
    const events = this.#since(lastId);
    const [first] = events;
    response.write(this.#message(events, first !== undefined && first.id > lastId + 1));
    watcher.lastId = this.#lastKeptId;
  }

  #message(events: ChorusEvent[], missed: boolean): string {
    const status = this.#handle.status();
    const news: News = { server: this.#server, nowMs: this.#now(), status, events, missed };
    const id = events.at(-1)?.id ?? this.#lastKeptId;
    // JSON has no line breaks of its own, so one `data` line holds it.
    return `id: ${this.#server}/${id}\nevent: news\ndata: ${JSON.stringify(news)}\n\n`;
  }

  #drop(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#flushTimer) clearTimeout(this.#flushTimer);
    this.#flushTimer = null;
    clearInterval(this.#keepAlive);
    this.#kept = [];
  }
}
