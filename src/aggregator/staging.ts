import type { Clock } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Arenas } from './arenas.ts';
import { bytesOf, copyTo, type Span } from './shared-memory.ts';

/** When to try again with an upload for which no memory was free, ms. */
const stagingRetryAfterMs = 1_000;
/** Uploads that may wait for memory; the next is refused. */
const waitingMax = 4_096;
/** How long an upload waits for memory before it is refused, ms. */
const waitMsMax = 20_000;
const firstPieceBytes = 65_536;

interface Waiter {
  bytes: number;
  admit: () => void;
}

/**
 * The bound on memory for updates that are received but not folded yet. What does not fit waits its turn, for a while:
 * its bytes stay in the sockets. One upload always fits, however large.
 */
export class StagingBudget {
  readonly #bytesMax: number;
  readonly #clock: Clock;
  #reserved = 0;
  readonly #waiting = new Set<Waiter>();

  constructor(bytesMax: number, clock: Clock) {
    this.#bytesMax = bytesMax;
    this.#clock = clock;
  }

  get reservedBytes(): number {
    return this.#reserved;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param held what the same upload has already. @returns whether it was free at once; who waits already comes first. */
  tryReserve(bytes: number, held = 0): boolean {
    if (this.#waiting.size > 0 || !this.#fits(bytes, held)) return false;
    this.#reserved += bytes;
    return true;
  }

  /** Settles when the bytes are reserved. @throws STAGING_FULL; the signal's reason, when it is not wanted any more */
  async reserve(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.tryReserve(bytes)) return;
    if (this.#waiting.size >= waitingMax) throw this.#full(bytes);
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const settle = (act: () => void) => {
        this.#clock.clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiter);
        act();
      };
      const onAbort = () => settle(() => reject(signal.reason));
      const waiter: Waiter = {
        bytes,
        admit: () =>
          settle(() => {
            this.#reserved += bytes;
            resolve();
          }),
      };
      const timer = this.#clock.setTimeout(() => {
        settle(() => reject(this.#full(bytes)));
        // It may have been what others waited behind.
        this.#admitWaiting();
      }, waitMsMax);
      signal.addEventListener('abort', onAbort);
      this.#waiting.add(waiter);
    });
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
    this.#admitWaiting();
  }

  #admitWaiting(): void {
    for (const waiter of this.#waiting) {
      if (!this.#fits(waiter.bytes)) return;
      waiter.admit();
    }
  }

  #fits(bytes: number, held = 0): boolean {
    return this.#reserved === held || this.#reserved + bytes <= this.#bytesMax;
  }

  #full(bytes: number): ChorusError {
    return new ChorusError(
      'STAGING_FULL',
      `${this.#reserved} of ${this.#bytesMax} staging bytes are in use, ${bytes} more do not fit`,
      { retryAfterMs: stagingRetryAfterMs },
    );
  }
}

const noMemory = (bytes: number, cause: unknown): ChorusError =>
  new ChorusError('STAGING_FULL', `The system has no ${bytes} bytes to give`, {
    retryAfterMs: stagingRetryAfterMs,
    cause,
  });

/** Memory for one upload. Its size is reserved before the first byte, or, when unknown, as it grows. */
export class StagingSlot {
  readonly #budget: StagingBudget;
  readonly #arenas: Arenas;
  readonly #bytesMax: number;
  readonly #beside: Span | undefined;
  #span: Span | null = null;
  #reserved: number;
  #length = 0;
  #isReleased = false;

  /** @param contentLength declared, ≤ bytesMax, or null. @param beside the sum it will be added to, if there is one. */
  constructor(budget: StagingBudget, arenas: Arenas, contentLength: number | null, bytesMax: number, beside?: Span) {
    this.#budget = budget;
    this.#arenas = arenas;
    this.#bytesMax = contentLength ?? bytesMax;
    this.#beside = beside;
    this.#reserved = contentLength ?? Math.min(firstPieceBytes, bytesMax);
  }

  get length(): number {
    return this.#length;
  }

  /** @returns whether memory was free at once. */
  tryOpen(): boolean {
    if (!this.#budget.tryReserve(this.#reserved)) return false;
    this.#allocate();
    return true;
  }

  /** Settles when there is memory for it. @throws STAGING_FULL, the signal's reason */
  async open(signal: AbortSignal): Promise<void> {
    if (this.#span) return;
    await this.#budget.reserve(this.#reserved, signal);
    // Given up in the very moment in which it was its turn.
    if (signal.aborted || this.#isReleased) {
      this.#budget.release(this.#reserved);
      this.#isReleased = true;
      throw signal.reason ?? new ChorusError('UPDATE_DISCARDED');
    }
    this.#allocate();
  }

  /** Where its bytes are. */
  get span(): Span {
    if (!this.#span) throw new Error('The staging slot is not open');
    return this.#span;
  }

  /** @throws PAYLOAD_TOO_LARGE, STAGING_FULL */
  write(chunk: Uint8Array): void {
    const length = this.#length + chunk.byteLength;
    if (length > this.#bytesMax) throw new ChorusError('PAYLOAD_TOO_LARGE', `More than ${this.#bytesMax} bytes came`);
    if (length > this.span.bytes) this.#grow(length);
    copyTo(this.span, this.#length, chunk);
    this.#length = length;
  }

  /** The part that is still to be filled, for a reader that puts bytes there itself; then `filled` says how many. */
  rest(bytesMax: number): Uint8Array<SharedArrayBuffer> {
    const end = Math.min(this.span.bytes, this.#length + bytesMax);
    return bytesOf(this.span, end).subarray(this.#length);
  }

  filled(bytes: number): void {
    this.#length += bytes;
  }

  /** Gives the memory back. Idempotent. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (!this.#span) return;
    this.#arenas.free(this.#span);
    this.#span = null;
    this.#budget.release(this.#reserved);
  }

  /** @throws STAGING_FULL, with what was reserved for it given back */
  #allocate(): void {
    try {
      this.#span = this.#arenas.allocate(this.#reserved, this.#beside);
    } catch (error) {
      this.#budget.release(this.#reserved);
      throw noMemory(this.#reserved, error);
    }
  }

  #grow(length: number): void {
    const capacity = Math.min(this.#bytesMax, Math.max(length, 2 * this.span.bytes));
    const more = capacity - this.#reserved;
    // Who has begun may not wait for those who wait for it.
    if (!this.#budget.tryReserve(more, this.#reserved)) {
      throw new ChorusError('STAGING_FULL', undefined, { retryAfterMs: stagingRetryAfterMs });
    }
    const { span } = this;
    try {
      this.#span = this.#arenas.allocate(capacity, this.#beside);
    } catch (error) {
      this.#budget.release(more);
      throw noMemory(capacity, error);
    }
    this.#reserved = capacity;
    bytesOf(this.#span, this.#length).set(bytesOf(span, this.#length));
    this.#arenas.free(span);
  }
}
