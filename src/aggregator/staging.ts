import { ChorusError } from '../domain/errors.ts';

/** When to try again with an upload for which no memory was free, ms. */
const stagingRetryAfterMs = 1_000;
const firstPieceBytes = 65_536;

/** The bound on memory for updates that are received but not folded yet. */
export class StagingBudget {
  readonly #bytesMax: number;
  #reserved = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get reservedBytes(): number {
    return this.#reserved;
  }

  /** Memory for `bytes`, of which `extra` are not reserved yet. @throws STAGING_FULL */
  allocate(bytes: number, extra = bytes): Uint8Array<SharedArrayBuffer> {
    if (this.#reserved + extra > this.#bytesMax) {
      throw stagingFull(`${this.#reserved} of ${this.#bytesMax} staging bytes are in use, ${extra} more do not fit`);
    }
    let memory: SharedArrayBuffer;
    try {
      memory = new SharedArrayBuffer(bytes);
    } catch {
      throw stagingFull(`The system has no ${bytes} bytes to give`);
    }
    this.#reserved += extra;
    return new Uint8Array(memory);
  }

  release(bytes: number): void {
    this.#reserved -= bytes;
  }
}

const stagingFull = (detail: string): ChorusError =>
  new ChorusError('STAGING_FULL', detail, { retryAfterMs: stagingRetryAfterMs });

/** Memory for one upload. Its size is reserved before the first byte, or, when unknown, as it grows. */
export class StagingSlot {
  readonly #budget: StagingBudget;
  readonly #bytesMax: number;
  #bytes: Uint8Array<SharedArrayBuffer>;
  #length = 0;
  #released = false;

  /** @throws STAGING_FULL @param contentLength declared, ≤ bytesMax, or null. */
  constructor(budget: StagingBudget, contentLength: number | null, bytesMax: number) {
    this.#budget = budget;
    this.#bytesMax = contentLength ?? bytesMax;
    this.#bytes = budget.allocate(contentLength ?? Math.min(firstPieceBytes, bytesMax));
  }

  get length(): number {
    return this.#length;
  }

  get buffer(): SharedArrayBuffer {
    return this.#bytes.buffer;
  }

  /** @throws PAYLOAD_TOO_LARGE, STAGING_FULL */
  write(chunk: Uint8Array): void {
    const length = this.#length + chunk.byteLength;
    if (length > this.#bytesMax) throw new ChorusError('PAYLOAD_TOO_LARGE', `More than ${this.#bytesMax} bytes came`);
    if (length > this.#bytes.byteLength) this.#grow(length);
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /** Gives the memory back. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#budget.release(this.#bytes.byteLength);
    this.#bytes = new Uint8Array(new SharedArrayBuffer(0));
  }

  #grow(length: number): void {
    const capacity = Math.min(this.#bytesMax, Math.max(length, 2 * this.#bytes.byteLength));
    const bytes = this.#budget.allocate(capacity, capacity - this.#bytes.byteLength);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
