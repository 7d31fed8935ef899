import { setImmediate } from 'node:timers';
import type { RandomStream } from '../../domain/random.ts';

/** Something that will happen. */
export interface Scheduled {
  readonly atMs: number;
  /** Orders what happens at the same moment: drawn, so that each order comes up. */
  readonly tie: number;
  readonly seq: number;
  /** null: it was called off. */
  act: (() => void) | null;
}

const isBefore = (a: Scheduled, b: Scheduled): boolean =>
  a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie !== b.tie ? a.tie < b.tie : a.seq < b.seq;

/** Simulated time: what happens next, and when. A binary heap; time passes only from one event to the next. */
export class Scheduler {
  readonly #random: RandomStream;
  readonly #heap: Scheduled[] = [];
  #seq = 0;
  #nowMs = 0;

  /** @param random decides the order of what falls on the same moment. */
  constructor(random: RandomStream) {
    this.#random = random;
  }

  /** Since the simulation began; never goes back. */
  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, act: () => void): Scheduled {
    this.#seq += 1;
    const atMs = this.#nowMs + Math.max(0, delayMs);
    const scheduled: Scheduled = { atMs, tie: this.#random.uint32(), seq: this.#seq, act };
    this.#push(scheduled);
    return scheduled;
  }

  /** Lets time pass to the next event. @returns what happens, or null when nothing will ever happen. */
  next(): (() => void) | null {
    for (;;) {
      const first = this.#pop();
      if (!first) return null;
      if (!first.act) continue;
      this.#nowMs = first.atMs;
      const { act } = first;
      first.act = null;
      return act;
    }
  }

  #push(scheduled: Scheduled): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(scheduled);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || !isBefore(scheduled, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = scheduled;
  }

  #pop(): Scheduled | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (!child) break;
      const right = heap[below + 1];
      if (right && isBefore(right, child)) {
        child = right;
        below += 1;
      }
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

/** Turns queued at once: between two of them Node runs every promise that can settle, without a turn of its event loop. */
const turnsAtOnce = 64;

/**
 * Calls `step` until it says false. Between two calls every promise settles that waits for nothing but other promises.
 * @throws what `step` throws.
 */
export function drive(step: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    let queued = 0;
    const queue = () => {
      for (; queued < turnsAtOnce; queued += 1) setImmediate(turn);
    };
    function turn(): void {
      queued -= 1;
      if (isOver) return;
      try {
        isOver = !step();
      } catch (error) {
        isOver = true;
        reject(error);
      }
      if (isOver) resolve();
      else if (queued === 0) queue();
    }
    queue();
  });
}
