import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BoundedEventFeed } from '../../src/actors/event-feed.ts';
import type { News } from '../../src/dashboard/contract.ts';
import { NewsStreams } from '../../src/dashboard/news-streams.ts';
import type { Status } from '../../src/domain/handle.ts';

/** A reader that can be slow: what is unsent stays until it is let go on. */
class Reader extends EventEmitter {
  readonly news: (News & { place: string })[] = [];
  writableLength = 0;
  isSlow = false;
  isEnded = false;

  writeHead(): void {}

  write(piece: string | Buffer): boolean {
    const text = String(piece);
    const [, place = '', data] = /id: (.*)\nevent: news\ndata: (.*)\n/.exec(text) ?? [];
    if (data !== undefined) this.news.push({ ...(JSON.parse(data) as News), place });
    if (this.isSlow) this.writableLength += 1_000_000;
    return !this.isSlow;
  }

  end(): void {
    this.isEnded = true;
  }

  catchUp(): void {
    this.isSlow = false;
    this.writableLength = 0;
    this.emit('drain');
  }

  get response(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get ids(): number[] {
    return this.news.flatMap(({ events }) => events.map(({ id }) => id));
  }
}

let feed: BoundedEventFeed;
let streams: NewsStreams;
let asked: number;

function open(after: { server: string; id: number } | null = null): Reader {
  const reader = new Reader();
  streams.open(reader.response, {}, after);
  return reader;
}

const publish = (count: number) => {
  for (let sent = 0; sent < count; sent += 1) feed.publish('phase', {});
};
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const calm = () => vi.advanceTimersByTime(300);

beforeEach(() => {
  vi.useFakeTimers();
  asked = 0;
  feed = new BoundedEventFeed(
    () => 5,
    0,
    (tell) => tell(),
  );
  const status = () => {
    asked += 1;
    return { round: asked } as Status;
  };
  streams = new NewsStreams({ handle: { events: feed, status }, watchersMax: 2, now: () => 7 });
});
afterEach(() => {
  streams.close();
  vi.useRealTimers();
});

describe('news', () => {
  it('begins with how things stand and what happened last, and says which server speaks', () => {
    publish(3);
    const [first] = open().news;
    expect(first).toMatchObject({ nowMs: 7, status: { round: 1 }, missed: false });
    expect(first?.events.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(first?.place).toBe(`${first?.server}/3`);
  });

  it('is told together when much happens, and put into words once for all', () => {
    const readers = [open(), open()];
    asked = 0;
    publish(50);
    expect(readers.map(({ news }) => news.length)).toEqual([1, 1]);
    calm();
    expect(readers.map(({ news }) => news.length)).toEqual([2, 2]);
    expect(readers[1]?.ids).toEqual(range(1, 50));
    expect(asked).toBe(1);
  });

  it('goes on where a page was, and gives it nothing twice', () => {
    open();
    const before = open();
    publish(4);
    calm();
    before.emit('close');
    publish(3);
    const again = open({ server: before.news[0]?.server ?? '', id: 4 });
    expect(again.ids).toEqual([5, 6, 7]);
    expect(again.news[0]?.missed).toBe(false);
    publish(1);
    calm();
    expect(again.ids).toEqual([5, 6, 7, 8]);
  });

  it('begins anew with a page of another process', () => {
    publish(2);
    const reader = open({ server: 'another', id: 900 });
    expect(reader.ids).toEqual([1, 2]);
  });

  it('leaves a page that falls behind alone, and then catches it up, within bounds', () => {
    const slow = open();
    const quick = open();
    slow.isSlow = true;
    publish(1);
    calm();
    for (let burst = 0; burst < 30; burst += 1) {
      publish(100);
      calm();
    }
    expect(slow.news).toHaveLength(2);
    expect(quick.ids).toEqual(range(1, 3_001));
    slow.catchUp();
    const last = slow.news.at(-1);
    expect(last?.missed).toBe(true);
    expect(last?.events).toHaveLength(1_000);
    expect(last?.events.at(-1)?.id).toBe(3_001);
    publish(1);
    calm();
    expect(slow.ids.at(-1)).toBe(3_002);
    expect(slow.news.at(-1)?.missed).toBe(false);
  });

  it('gathers nothing while nobody watches, and takes no more pages than it may', () => {
    const readers = [open(), open()];
    expect(streams.isFull).toBe(true);
    for (const reader of readers) reader.emit('close');
    expect(streams.isFull).toBe(false);
    asked = 0;
    publish(10);
    calm();
    expect(asked).toBe(0);
  });

  it('ends with the server', () => {
    const reader = open();
    streams.close();
    expect(reader.isEnded).toBe(true);
    publish(1);
    calm();
    expect(reader.news).toHaveLength(1);
  });
});
