import type { RandomStream } from '../domain/random.ts';
import { PartitionedSlots } from './partitioned-slots.ts';

/** Of each slot: its client cannot evaluate (or there is none), can and is busy, can and waits. */
const part = { none: 0, busy: 1, waiting: 2 } as const;

/**
 * Which clients can evaluate a model, and which of them wait: an index beside the registry's own, so that they are
 * counted in O(1) and drawn in O(k). It takes memory only once there is such a client, 9 bytes a slot.
 */
export class Evaluators {
  readonly #slots = new PartitionedSlots(3);
  #capacity = 0;

  get waiting(): number {
    return this.#slots.count(part.waiting);
  }

  has(slot: number): boolean {
    return slot < this.#capacity && this.#slots.partOf(slot) !== part.none;
  }

  /** @param capacity slots of the registry */
  set(slot: number, evaluates: boolean, isWaiting: boolean, capacity: number): void {
    if (!evaluates && slot >= this.#capacity) return;
    if (capacity > this.#capacity) {
      this.#slots.grow(capacity, part.none);
      this.#capacity = capacity;
    }
    this.#slots.move(slot, evaluates ? (isWaiting ? part.waiting : part.busy) : part.none);
  }

  /** Its client is in another state now. */
  moved(slot: number, isWaiting: boolean): void {
    if (this.has(slot)) this.#slots.move(slot, isWaiting ? part.waiting : part.busy);
  }

  /** Those that wait, in no order. */
  slotsWaiting(): Uint32Array {
    return this.#slots.slots(part.waiting);
  }

  /** @returns up to `count` distinct slots of those that wait, uniformly at random, in O(count). */
  sample(count: number, random: RandomStream): number[] {
    return this.#slots.sample(part.waiting, count, random);
  }
}
