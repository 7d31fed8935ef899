import type { Entry } from '../domain/facts.ts';
import type { HistoryPage, HistoryQuery, PastMoment } from '../domain/past.ts';
import { Timeline } from './timeline.ts';
import { Turns } from './turns.ts';

/** Facts that are not in memory any more. */
export interface OlderFacts {
  /** @returns the number of the oldest; null: there are none. */
  oldest(): Promise<number | null>;
  /** Facts in their order, from one that holds all that came before it, at or before `seq`, and on beyond it. */
  fromBefore(seq: number): AsyncIterable<Entry>;
}

export interface LongTimelineOptions {
  /** The last facts. */
  recent: Timeline;
  /** Those before them; null: they are gone. */
  older: OlderFacts | null;
  /** Facts that a window holds. @default 20,000 */
  windowFacts?: number;
  /** Lets others have their turn, and the greater part of the time. @default 10 ms */
  rest?: () => Promise<void>;
}

/** Windows kept, the latest used last: one who moves about in one of them waits for the disk once. */
const windowsMax = 2;
/** Questions about older facts that wait their turn; more are refused. */
const waitingMax = 16;
const retryAfterMs = 2_000;
/** Work done in one turn of the event loop, ms; and how long others then have it to themselves, ms. */
const turnMs = 4;
const restMs = 10;
/** Of a window, what lies after the fact that was asked for; and what at least shall lie before it. */
const shareAhead = 0.25;
const shareBefore = 0.25;

/**
 * The timeline of a server, back to its first fact: what happened last is in memory, and what was before is read into
 * windows of as many facts, from the last checkpoint before them. One is read at a time, and leaves most of the thread's
 * time to others, so that curiosity about the past does not hold up the present.
 */
export class LongTimeline {
  readonly #recent: Timeline;
  readonly #older: OlderFacts | null;
  readonly #windowFacts: number;
  readonly #rest: () => Promise<void>;
  readonly #windows: Timeline[] = [];
  readonly #turns = new Turns({ waitingMax, what: 'old moments are being looked up', retryAfterMs });
  #oldest: Promise<number | null> | null = null;
  #isOver = false;

  constructor({ recent, older, windowFacts = 20_000, rest = pause }: LongTimelineOptions) {
    this.#recent = recent;
    this.#older = older;
    this.#windowFacts = windowFacts;
    this.#rest = rest;
  }

  /** @returns up to `limit` entries, ascending, that end before `before`, or with the newest. @throws RATE_LIMITED */
  async page(query: HistoryQuery = {}): Promise<HistoryPage> {
    const recent = this.#recent.page(query);
    const firstSeq = await this.#firstSeq(recent.firstSeq);
    const { before = Number.POSITIVE_INFINITY } = query;
    const isRecent = before > recent.firstSeq || before <= firstSeq;
    const { entries } = isRecent ? recent : ((await this.#windowOn(before - 1))?.page(query) ?? recent);
    return { firstSeq, lastSeq: recent.lastSeq, onDisk: this.#older !== null, entries };
  }

  /** How things stood right after a fact. @throws MOMENT_UNKNOWN, RATE_LIMITED */
  async moment(seq: number): Promise<PastMoment> {
    const { firstSeq } = this.#recent.bounds;
    const isOlder = firstSeq > seq && seq >= (await this.#firstSeq(firstSeq));
    const window = isOlder ? await this.#windowOn(seq) : null;
    return (window ?? this.#recent).moment(seq);
  }

  /** The server ends: nothing is read on. */
  close(): void {
    this.#isOver = true;
  }

  /** Of all facts that can be shown. Segments are only added, so it is looked up once. */
  async #firstSeq(recent: number): Promise<number> {
    if (!this.#older || recent <= 1) return recent;
    this.#oldest ??= this.#older.oldest();
    try {
      return Math.min(recent, (await this.#oldest) ?? recent);
    } catch (error) {
      // The disk may do better another time.
      this.#oldest = null;
      throw error;
    }
  }

  /** @returns the window with this fact, or null when there is none. @throws RATE_LIMITED */
  #windowOn(seq: number): Promise<Timeline | null> {
    return this.#turns.take(() => this.#known(seq) ?? this.#read(seq));
  }

  #known(seq: number): Timeline | null {
    const index = this.#windows.findIndex((window) => window.holds(seq));
    if (index === -1) return null;
    const [window = null] = this.#windows.splice(index, 1);
    if (window) this.#windows.push(window);
    return window;
  }

  async #read(seq: number): Promise<Timeline | null> {
    if (!this.#older) return null;
    const window = new Timeline({ factsMax: this.#windowFacts });
    const until = seq + Math.floor(this.#windowFacts * shareAhead);
    const before = Math.floor(this.#windowFacts * shareBefore);
    let beganMs = performance.now();
    let start = 0;
    for await (const entry of this.#older.fromBefore(seq)) {
      if (this.#isOver) return null;
      window.add(entry);
      start ||= entry.seq;
      // Where one fact names thousands of clients, what comes after would push out what was asked for.
      const { firstSeq } = window.bounds;
      if (entry.seq >= until || (entry.seq >= seq && firstSeq > start && seq - firstSeq <= before)) break;
      if (performance.now() - beganMs < turnMs) continue;
      await this.#rest();
      beganMs = performance.now();
    }
    if (!window.holds(seq)) return null;
    this.#windows.push(window);
    if (this.#windows.length > windowsMax) this.#windows.shift();
    return window;
  }
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, restMs));
