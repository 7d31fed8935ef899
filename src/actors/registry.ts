import { type ClientCounts, type ClientProfile, type ClientState, clientStates } from '../domain/client.ts';
import type { RandomStream } from '../domain/random.ts';
import type { ClientEventType } from '../machines/client.machine.ts';
import { clientTable, eventIndex, refused, stateIndex } from '../machines/client-table.ts';
import { formatClientId, parseClientId } from './client-id.ts';
import { ClientTags } from './client-tags.ts';
import { EligibleClients } from './eligible-clients.ts';
import { Evaluators } from './evaluators.ts';
import { ExpiryWheel } from './expiry-wheel.ts';
import { PartitionedSlots } from './partitioned-slots.ts';

export interface RegistryOptions {
  /** Most clients at once, 1 to 2^30. */
  clientsMax: number;
  heartbeatTimeoutMs: number;
  random: RandomStream;
  nowMs: number;
}

const unknown = stateIndex.unknown;
const eventCount = clientTable.events.length;

/**
 * Every client, once: a struct of typed arrays indexed by slot, about 34 bytes a client. A client's id carries its slot
 * and a random tag that the slot keeps, so a look-up needs no map and an old id never reaches the slot's new owner.
 * What a client may do is decided by the compiled client machine and nothing else; counts are derived from the
 * partition of slots by state. Only the coordinator actor writes here.
 */
export class ClientRegistry {
  readonly #clientsMax: number;
  readonly #random: RandomStream;
  readonly #slots: PartitionedSlots;
  readonly #wheel: ExpiryWheel;
  readonly #tags = new ClientTags();
  #capacity = 0;
  #seenUntilMs = new Float64Array(0);
  readonly #evaluators = new Evaluators();
  /** With a filter: whom it lets through. */
  #eligible: EligibleClients | null = null;
  /** Only of clients that told something of themselves. */
  readonly #profiles = new Map<number, ClientProfile>();

  constructor({ clientsMax, heartbeatTimeoutMs, random, nowMs }: RegistryOptions) {
    this.#clientsMax = clientsMax;
    this.#random = random;
    this.#slots = new PartitionedSlots(clientStates.length);
    this.#wheel = new ExpiryWheel(heartbeatTimeoutMs, nowMs);
    this.#grow(Math.min(1_024, clientsMax));
  }

  /** Clients that are there: every state but `unknown` and `doneAndInactive`. */
  get population(): number {
    return this.#capacity - this.#slots.count(unknown) - this.#slots.count(stateIndex.doneAndInactive);
  }

  get heartbeatTimeoutMs(): number {
    return this.#wheel.timeoutMs;
  }

  count(state: ClientState): number {
    return this.#slots.count(stateIndex[state]);
  }

  counts(): ClientCounts {
    const { waiting, selected, training, done, doneAndInactive, ignored } = stateIndex;
    return {
      waiting: this.#slots.count(waiting),
      selected: this.#slots.count(selected),
      training: this.#slots.count(training),
      done: this.#slots.count(done),
      doneAndInactive: this.#slots.count(doneAndInactive),
      ignored: this.#slots.count(ignored),
    };
  }

  /** Clients waiting that can evaluate a model. */
  get evaluatorsWaiting(): number {
    return this.#evaluators.waiting;
  }

  /** Clients that are there and may be selected by the run. */
  get eligiblePopulation(): number {
    return this.#eligible?.population ?? this.population;
  }

  /** Of these, the ones waiting. */
  get eligibleWaiting(): number {
    return this.#eligible?.waiting ?? this.count('waiting');
  }

  /** Registers a new client. @returns its slot, or −1 when the registry is full. */
  register(nowMs: number, profile: ClientProfile): number {
    if (this.#slots.count(unknown) === 0 && !this.#grow(Math.min(this.#capacity * 2, this.#clientsMax))) return -1;
    const slot = this.#slots.last(unknown);
    this.#tags.mint(slot, this.#random);
    this.#enter(slot, nowMs, profile);
    return slot;
  }

  /** @returns the slot of a registered client, or −1. */
  find(clientId: string): number {
    const id = parseClientId(clientId);
    if (!id || id.slot >= this.#capacity || this.#slots.partOf(id.slot) === unknown) return -1;
    return this.#tags.match(id) ? id.slot : -1;
  }

  idOf(slot: number): string {
    return formatClientId(slot, this.#tags.of(slot));
  }

  stateOf(slot: number): ClientState {
    return clientStates[this.#slots.partOf(slot)] ?? 'unknown';
  }

  profileOf(slot: number): ClientProfile {
    return this.#profiles.get(slot) ?? {};
  }

  /**
   * Lets something happen to a client, as the client machine says.
   * @returns the next state, or null when the machine refuses the event; then nothing has changed.
   */
  apply(slot: number, event: ClientEventType): ClientState | null {
    const next = clientTable.next[this.#slots.partOf(slot) * eventCount + eventIndex[event]] ?? refused;
    if (next === refused) return null;
    this.#slots.move(slot, next);
    this.#evaluators.moved(slot, next === stateIndex.waiting);
    this.#eligible?.moved(slot);
    if (next === unknown) this.#forget(slot);
    return clientStates[next] ?? null;
  }

  /** Whether the client machine takes the event now. */
  takes(slot: number, event: ClientEventType): boolean {
    return clientTable.next[this.#slots.partOf(slot) * eventCount + eventIndex[event]] !== refused;
  }

  /** Whether a client of this id is there, or can be put back. */
  canHold(clientId: string): boolean {
    if (this.find(clientId) !== -1) return true;
    const id = parseClientId(clientId);
    if (!id || id.slot >= this.#clientsMax) return false;
    return id.slot >= this.#capacity || this.#slots.partOf(id.slot) === unknown;
  }

  /**
   * Puts back a client of an earlier process under the id and in the state that it had; silence counts from now.
   * @throws {RangeError} it is no id of a registry, or its slot is another's.
   */
  restore(clientId: string, state: ClientState, nowMs: number, profile: ClientProfile): void {
    const id = parseClientId(clientId);
    if (!id || id.slot >= this.#clientsMax) throw new RangeError(`${clientId} has no place in this registry`);
    const { slot } = id;
    while (slot >= this.#capacity) this.#grow(Math.min(this.#capacity * 2, this.#clientsMax));
    if (this.#slots.partOf(slot) !== unknown) throw new RangeError(`The slot of ${clientId} is taken`);
    this.#tags.restore(id);
    this.#enter(slot, nowMs, profile);
    this.#slots.move(slot, stateIndex[state]);
    this.#evaluators.moved(slot, state === 'waiting');
    this.#eligible?.moved(slot);
  }

  canEvaluate(slot: number): boolean {
    return this.#evaluators.has(slot);
  }

  /** The client can evaluate a model from now on, or cannot any more. */
  setEvaluates(slot: number, evaluates: boolean): void {
    const { evaluates: _, ...profile } = this.profileOf(slot);
    this.#setProfile(slot, evaluates ? { ...profile, evaluates } : profile);
  }

  /** A client that was gone is there again: silence counts from now. */
  refile(slot: number, nowMs: number): void {
    this.touch(slot, nowMs);
    this.#wheel.add(slot, nowMs);
  }

  /** The client was heard of. @param untilMs now, or the end of a held call that shows it is there. */
  touch(slot: number, untilMs: number): void {
    this.#seenUntilMs[slot] = untilMs;
  }

  /** The client was heard of; a held call may have shown that it is there for longer. */
  heardOf(slot: number, nowMs: number): void {
    this.touch(slot, Math.max(nowMs, this.seenUntilMs(slot)));
  }

  seenUntilMs(slot: number): number {
    return this.#seenUntilMs[slot] ?? 0;
  }

  /** @returns up to `count` distinct slots of a state, uniformly at random, in O(count). */
  sample(state: ClientState, count: number, random: RandomStream): number[] {
    return this.#slots.sample(stateIndex[state], count, random);
  }

  /** The same, of those waiting that can evaluate a model. */
  sampleEvaluators(count: number, random: RandomStream): number[] {
    return this.#evaluators.sample(count, random);
  }

  /** Of those waiting that can evaluate a model, in no order. */
  evaluatorSlots(): Uint32Array {
    return this.#evaluators.slotsWaiting();
  }

  /**
   * Only clients for which the test holds are eligible from now on; null: all are. Those that are registered are tested
   * by `testMore`, and until all were nobody is eligible.
   */
  setFilter(test: ((profile: ClientProfile) => boolean) | null): void {
    this.#eligible = test === null ? null : new EligibleClients(this, this.#capacity, test);
  }

  /** Tests up to `count` more clients. @returns whether all are tested. */
  testMore(count: number): boolean {
    this.#eligible?.testMore(count);
    return this.#eligible?.isComplete ?? true;
  }

  /** Whether the run may select the client, as far as the filter says. */
  isEligible(slot: number): boolean {
    return this.#eligible?.has(slot) ?? true;
  }

  /** @returns up to `count` of the eligible clients waiting, uniformly at random, in O(count). */
  sampleEligible(count: number, random: RandomStream): number[] {
    return this.#eligible?.sample(count, random) ?? this.sample('waiting', count, random);
  }

  /** The slots of eligible clients waiting, in no order; do not change states while iterating. */
  eligibleSlots(): Uint32Array {
    return this.#eligible?.slotsWaiting() ?? this.slotsIn('waiting');
  }

  /** The slots in a state, in no order; do not change states while iterating. */
  slotsIn(state: ClientState): Uint32Array {
    return this.#slots.slots(stateIndex[state]);
  }

  /** Slots from `fromSlot` on, ascending, that hold a client (in this state, if given); at most `limit`. */
  page(fromSlot: number, limit: number, state: ClientState | undefined): number[] {
    const wanted = state === undefined ? -1 : stateIndex[state];
    const page: number[] = [];
    for (let slot = fromSlot; slot < this.#capacity && page.length < limit; slot += 1) {
      const part = this.#slots.partOf(slot);
      if (part !== unknown && (wanted === -1 || part === wanted)) page.push(slot);
    }
    return page;
  }

  /** Calls `onExpired` for each client not heard of for the timeout; it decides what that means for the client. */
  expire(nowMs: number, onExpired: (slot: number) => void): void {
    this.#wheel.advance(nowMs, {
      seenUntilMs: (slot) => this.seenUntilMs(slot),
      // One that is gone after it contributed waits for the end of the round, not for a heartbeat.
      isLive: (slot) => this.#slots.partOf(slot) !== unknown && this.#slots.partOf(slot) !== stateIndex.doneAndInactive,
      onExpired,
    });
  }

  /** Nobody could be heard of before, so that nobody expires for that. */
  pardon(nowMs: number): void {
    this.#wheel.pardon(nowMs);
  }

  /** How often `expire` must be called, ms. */
  get expiryTickMs(): number {
    return this.#wheel.tickMs;
  }

  /** A plan may change the timeout; it holds for clients registered before as well. */
  setHeartbeatTimeout(timeoutMs: number, nowMs: number): void {
    if (timeoutMs !== this.#wheel.timeoutMs) this.#refileAll(timeoutMs, nowMs);
  }

  #refileAll(timeoutMs: number, nowMs: number): void {
    this.#wheel.reset(timeoutMs, nowMs);
    for (let slot = 0; slot < this.#capacity; slot += 1) {
      if (this.#slots.partOf(slot) !== unknown) this.#wheel.add(slot, this.seenUntilMs(slot));
    }
  }

  #enter(slot: number, nowMs: number, profile: ClientProfile): void {
    this.apply(slot, 'rendezvous');
    this.#seenUntilMs[slot] = nowMs;
    this.#wheel.add(slot, nowMs);
    this.#setProfile(slot, profile);
    this.#eligible?.entered(slot);
  }

  #setProfile(slot: number, profile: ClientProfile): void {
    const { name, attributes, evaluates = false } = profile;
    if (name !== undefined || attributes !== undefined || evaluates) this.#profiles.set(slot, profile);
    else this.#profiles.delete(slot);
    this.#evaluators.set(slot, evaluates, this.stateOf(slot) === 'waiting', this.#capacity);
  }

  #forget(slot: number): void {
    this.#profiles.delete(slot);
    this.#evaluators.set(slot, false, false, this.#capacity);
  }

  #grow(capacity: number): boolean {
    if (capacity <= this.#capacity) return false;
    const seenUntilMs = new Float64Array(capacity);
    seenUntilMs.set(this.#seenUntilMs);
    this.#tags.grow(capacity);
    this.#seenUntilMs = seenUntilMs;
    this.#slots.grow(capacity, unknown);
    this.#eligible?.grow(capacity);
    this.#wheel.grow(capacity);
    this.#capacity = capacity;
    return true;
  }
}
