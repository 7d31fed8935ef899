/** What the wheel must know of a slot; it keeps nothing but where the slot is filed. */
interface WheelVisitor {
  seenUntilMs(slot: number): number;
  /** false: the slot holds nobody that could expire, and leaves the wheel. */
  isLive(slot: number): boolean;
  onExpired(slot: number): void;
}

const bucketCount = 64;
const nobody = -1;

/**
 * Finds clients whose heartbeats stopped, without a timer per client and without work per heartbeat: a slot is filed
 * under the tick at which it would expire, and filed anew when that tick comes and it was heard of meanwhile. 5 bytes a
 * slot. An expiry is found at most two ticks late, and by the caller's own tick later still.
 */
export class ExpiryWheel {
  #timeoutMs: number;
  #tickMs: number;
  /** The last tick visited. */
  #tick: number;
  /** Nobody is blamed for a pause of this process, or for the time in which it could not be heard: silence counts from its end. */
  #amnestyAtMs = 0;
  readonly #heads = new Int32Array(bucketCount).fill(nobody);
  #next = new Int32Array(0);
  #filed = new Uint8Array(0);

  constructor(timeoutMs: number, nowMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#tickMs = tickOf(timeoutMs);
    this.#tick = Math.floor(nowMs / this.#tickMs);
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  get tickMs(): number {
    return this.#tickMs;
  }

  grow(capacity: number): void {
    const next = new Int32Array(capacity).fill(nobody);
    next.set(this.#next);
    const filed = new Uint8Array(capacity);
    filed.set(this.#filed);
    this.#next = next;
    this.#filed = filed;
  }

  /** Empties the wheel for another timeout. */
  reset(timeoutMs: number, nowMs: number): void {
    this.#timeoutMs = timeoutMs;
    this.#tickMs = tickOf(timeoutMs);
    this.#tick = Math.floor(nowMs / this.#tickMs);
    this.#heads.fill(nobody);
    this.#filed.fill(0);
  }

  add(slot: number, seenUntilMs: number): void {
    // A slot given to a new client may still be filed for the old one, and then under no later tick.
    if (this.#filed[slot] === 1) return;
    const due = Math.ceil((seenUntilMs + this.#timeoutMs) / this.#tickMs) + 1;
    const tick = Math.min(Math.max(due, this.#tick + 1), this.#tick + bucketCount - 1);
    const bucket = tick % bucketCount;
    this.#next[slot] = this.#heads[bucket] ?? nobody;
    this.#heads[bucket] = slot;
    this.#filed[slot] = 1;
  }

  /** Nobody could be heard of before: silence counts from now on. */
  pardon(nowMs: number): void {
    this.#amnestyAtMs = nowMs;
  }

  /** Visits the ticks that have passed. */
  advance(nowMs: number, visitor: WheelVisitor): void {
    const now = Math.floor(nowMs / this.#tickMs);
    if (nowMs - (this.#tick + 1) * this.#tickMs > this.#timeoutMs / 2) this.#amnestyAtMs = nowMs;
    // One turn visits every bucket; more would visit them twice.
    this.#tick = Math.max(this.#tick, now - bucketCount);
    while (this.#tick < now) {
      this.#tick += 1;
      this.#visit(this.#tick % bucketCount, nowMs, visitor);
    }
  }

  #visit(bucket: number, nowMs: number, visitor: WheelVisitor): void {
    let slot = this.#heads[bucket] ?? nobody;
    this.#heads[bucket] = nobody;
    while (slot !== nobody) {
      const next = this.#next[slot] ?? nobody;
      this.#filed[slot] = 0;
      if (visitor.isLive(slot)) {
        const seenUntilMs = Math.max(visitor.seenUntilMs(slot), this.#amnestyAtMs);
        if (seenUntilMs + this.#timeoutMs <= nowMs) visitor.onExpired(slot);
        else this.add(slot, seenUntilMs);
      }
      slot = next;
    }
  }
}

const tickOf = (timeoutMs: number): number => Math.max(1, Math.ceil(timeoutMs / 32));
