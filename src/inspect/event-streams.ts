import type { ServerResponse } from 'node:http';
import type { InspectFeed } from './feed.ts';

/** A page this far behind is dropped; it comes back by itself and starts from the current state. */
const backlogBytesMax = 4 * 1024 * 1024;
const keepAliveMs = 15_000;

/**
 * Server-Sent Events to every page that watches. First `hello` (the server's time and the last transitions) and one
 * `snapshot` for each live machine, then a `transition` whenever there is one, serialised once for all pages.
 */
export class EventStreams {
  readonly #feed: InspectFeed;
  readonly #watchersMax: number;
  readonly #now: () => number;
  readonly #watchers = new Set<ServerResponse>();
  #unsubscribe: (() => void) | null = null;
  #keepAlive: NodeJS.Timeout | undefined;

  constructor({ feed, watchersMax, now }: { feed: InspectFeed; watchersMax: number; now: () => number }) {
    this.#feed = feed;
    this.#watchersMax = watchersMax;
    this.#now = now;
  }

  get isFull(): boolean {
    return this.#watchers.size >= this.#watchersMax;
  }

  /** Takes over the response until its client goes, is too slow, or the server closes. */
  open(response: ServerResponse, headers: Readonly<Record<string, string>>): void {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.on('close', () => this.#drop(response));
    response.on('error', () => this.#drop(response));
    response.write(message('hello', { nowMs: this.#now(), recent: this.#feed.recent() }));
    for (const snapshot of this.#feed.current()) response.write(message('snapshot', snapshot));
    this.#watchers.add(response);
    this.#unsubscribe ??= this.#feed.subscribe((transition) => this.#tell(message('transition', transition)));
    this.#keepAlive ??= setInterval(() => this.#tell(':\n\n'), keepAliveMs).unref();
  }

  /** Ends every stream. */
  close(): void {
    for (const response of this.#watchers) {
      response.end();
      this.#drop(response);
    }
  }

  #tell(text: string): void {
    for (const response of this.#watchers) {
      response.write(text);
      if (response.writableLength > backlogBytesMax) response.destroy();
    }
  }

  #drop(response: ServerResponse): void {
    this.#watchers.delete(response);
    if (this.#watchers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    clearInterval(this.#keepAlive);
    this.#keepAlive = undefined;
  }
}

/** JSON has no line breaks of its own, so one `data` line holds it. */
const message = (event: string, data: object): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
