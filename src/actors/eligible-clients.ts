import type { ClientProfile, ClientState } from '../domain/client.ts';
import type { RandomStream } from '../domain/random.ts';
import { PartitionedSlots } from './partitioned-slots.ts';

/** Parts of the slots: those that do not count, those that are there, and of these the ones that wait. */
const out = 0;
const busy = 1;
const waiting = 2;
const parts = 3;

/** Clients as the registry has them. */
interface Clients {
  stateOf(slot: number): ClientState;
  profileOf(slot: number): ClientProfile;
}

/**
 * Which clients a filter lets through: each is tested once, when it registers, or when a run with the filter begins. So
 * counting costs nothing and drawing k of them costs O(k), however few they are. Those that were there before are
 * tested bit by bit; until all were, nobody counts, so that no cohort is drawn from the first of them. 10 bytes a
 * client.
 */
export class EligibleClients {
  readonly #clients: Clients;
  readonly #test: (profile: ClientProfile) => boolean;
  readonly #slots = new PartitionedSlots(parts);
  #passes = new Uint8Array(0);
  /** Slots from here to `#testedEnd` are not tested yet. */
  #testedUpTo = 0;
  readonly #testedEnd: number;

  /** @param capacity slots that may hold a client by now. @param test never throws. */
  constructor(clients: Clients, capacity: number, test: (profile: ClientProfile) => boolean) {
    this.#clients = clients;
    this.#test = test;
    this.#testedEnd = capacity;
    this.grow(capacity);
  }

  /** Clients that are there. */
  get population(): number {
    return this.isComplete ? this.#slots.count(busy) + this.#slots.count(waiting) : 0;
  }

  get waiting(): number {
    return this.isComplete ? this.#slots.count(waiting) : 0;
  }

  get isComplete(): boolean {
    return this.#testedUpTo >= this.#testedEnd;
  }

  has(slot: number): boolean {
    return this.#passes[slot] === 1;
  }

  /** The waiting ones, in no order. */
  slotsWaiting(): Uint32Array {
    return this.isComplete ? this.#slots.slots(waiting) : new Uint32Array(0);
  }

  /** @returns up to `count` of the waiting ones, uniformly at random, in O(count). */
  sample(count: number, random: RandomStream): number[] {
    return this.isComplete ? this.#slots.sample(waiting, count, random) : [];
  }

  /** Tests up to `count` slots of those that are left. */
  testMore(count: number): void {
    const end = Math.min(this.#testedEnd, this.#testedUpTo + count);
    for (let slot = this.#testedUpTo; slot < end; slot += 1) {
      if (this.#clients.stateOf(slot) !== 'unknown') this.entered(slot);
    }
    this.#testedUpTo = end;
  }

  /** A client has this slot. */
  entered(slot: number): void {
    this.#passes[slot] = this.#test(this.#clients.profileOf(slot)) ? 1 : 0;
    this.moved(slot);
  }

  /** The client of this slot is in another state. */
  moved(slot: number): void {
    const state = this.#clients.stateOf(slot);
    if (state === 'unknown') this.#passes[slot] = 0;
    const counts = this.has(slot) && state !== 'doneAndInactive';
    this.#slots.move(slot, counts ? (state === 'waiting' ? waiting : busy) : out);
  }

  grow(capacity: number): void {
    const passes = new Uint8Array(capacity);
    passes.set(this.#passes);
    this.#passes = passes;
    this.#slots.grow(capacity, out);
  }
}
