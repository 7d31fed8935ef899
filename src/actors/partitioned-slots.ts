import type { RandomStream } from '../domain/random.ts';

/**
 * Slots 0 … n−1 divided into parts, one part a slot: a permutation in which each part is a contiguous run. Moving a slot
 * costs at most one swap per part passed, counting is a subtraction, and drawing k slots of a part at random costs
 * O(k), however many there are. 9 bytes a slot.
 */
export class PartitionedSlots {
  #capacity = 0;
  /** The permutation: slots ordered by part. */
  #order = new Uint32Array(0);
  /** Where in the permutation each slot stands. */
  #position = new Uint32Array(0);
  #part = new Uint8Array(0);
  /** Part p is `order[start[p] … start[p + 1])`. */
  readonly #start: Uint32Array;

  constructor(parts: number) {
    this.#start = new Uint32Array(parts + 1);
  }

  partOf(slot: number): number {
    return this.#part[slot] ?? 0;
  }

  count(part: number): number {
    return this.#at(this.#start, part + 1) - this.#at(this.#start, part);
  }

  /** @returns a slot of a part that is not empty; of fresh slots the lowest. */
  last(part: number): number {
    return this.#at(this.#order, this.#at(this.#start, part + 1) - 1);
  }

  slots(part: number): Uint32Array {
    return this.#order.subarray(this.#start[part], this.#start[part + 1]);
  }

  move(slot: number, to: number): void {
    let part = this.partOf(slot);
    while (part < to) {
      // The last of its part; then the boundary moves down over it.
      const boundary = this.#at(this.#start, part + 1) - 1;
      this.#swap(slot, boundary);
      this.#start[part + 1] = boundary;
      part += 1;
    }
    while (part > to) {
      const boundary = this.#at(this.#start, part);
      this.#swap(slot, boundary);
      this.#start[part] = boundary + 1;
      part -= 1;
    }
    this.#part[slot] = to;
  }

  /** Fisher–Yates over the front of the part's run: up to `count` distinct slots, each set equally likely. */
  sample(part: number, count: number, random: RandomStream): number[] {
    const start = this.#at(this.#start, part);
    const size = this.count(part);
    const drawn: number[] = [];
    for (let index = 0; index < Math.min(count, size); index += 1) {
      const slot = this.#at(this.#order, start + index + random.below(size - index));
      this.#swap(slot, start + index);
      drawn.push(slot);
    }
    return drawn;
  }

  /** Adds slots up to `capacity`, all in `part`. */
  grow(capacity: number, part: number): void {
    const added = capacity - this.#capacity;
    const order = new Uint32Array(capacity);
    const position = new Uint32Array(capacity);
    const partOf = new Uint8Array(capacity);
    const end = this.#at(this.#start, part + 1);
    order.set(this.#order.subarray(0, end));
    for (let index = 0; index < added; index += 1) order[end + index] = capacity - 1 - index;
    order.set(this.#order.subarray(end), end + added);
    partOf.set(this.#part);
    partOf.fill(part, this.#capacity);
    for (let index = 0; index < capacity; index += 1) position[this.#at(order, index)] = index;
    for (let later = part + 1; later < this.#start.length; later += 1)
      this.#start[later] = this.#at(this.#start, later) + added;
    this.#order = order;
    this.#position = position;
    this.#part = partOf;
    this.#capacity = capacity;
  }

  #swap(slot: number, target: number): void {
    const from = this.#at(this.#position, slot);
    const other = this.#at(this.#order, target);
    this.#order[target] = slot;
    this.#order[from] = other;
    this.#position[slot] = target;
    this.#position[other] = from;
  }

  #at(array: Uint32Array, index: number): number {
    return array[index] ?? 0;
  }
}
