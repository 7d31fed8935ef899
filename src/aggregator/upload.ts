import { createHash, type Hash } from 'node:crypto';
import type { Upload } from '../domain/aggregation.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Receipt } from '../domain/handle.ts';
import { type StagingBudget, StagingSlot } from './staging.ts';

/** Bytes that came in whole. */
export interface Staged {
  bytes: SharedArrayBuffer;
  byteLength: number;
}

/** How a whole upload ended: its receipt, and when its bytes are in the sum and may be forgotten. */
export interface Settled {
  receipt: Receipt;
  folded: Promise<void> | null;
}

export interface StagedUploadOptions {
  contentLength: number | null;
  bytesMax: number;
  budget: StagingBudget;
  /** Counts an upload of so many bytes, or more, as refused. @returns the refusal */
  tooLarge: (bytes: number) => ChorusError;
  /** Checks and settles the whole upload. @throws the refusal */
  settle: (staged: Staged) => Promise<Settled>;
  /** Called once, when the upload is over, whatever way. */
  ended: (upload: StagedUpload) => void;
}

/** An upload into staging memory. */
export class StagedUpload implements Upload {
  readonly #options: StagedUploadOptions;
  readonly #slot: StagingSlot;
  readonly #controller = new AbortController();
  #isOver = false;

  /** @throws STAGING_FULL */
  constructor(options: StagedUploadOptions) {
    this.#options = options;
    this.#slot = new StagingSlot(options.budget, options.contentLength, options.bytesMax);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get receivedBytes(): number {
    return this.#slot.length;
  }

  write(chunk: Uint8Array): void {
    this.signal.throwIfAborted();
    const { bytesMax, tooLarge } = this.#options;
    const length = this.#slot.length + chunk.byteLength;
    if (length > bytesMax) throw tooLarge(length);
    this.#slot.write(chunk);
  }

  async finish(): Promise<Receipt> {
    const { contentLength, settle } = this.#options;
    let folded: Promise<void> | null = null;
    try {
      this.signal.throwIfAborted();
      if (contentLength !== null && this.#slot.length < contentLength) {
        throw new ChorusError('PAYLOAD_TRUNCATED', `${this.#slot.length} of ${contentLength} bytes came`);
      }
      const settled = await settle({ bytes: this.#slot.buffer, byteLength: this.#slot.length });
      folded = settled.folded;
      return settled.receipt;
    } finally {
      this.#end();
      if (folded !== null) void folded.catch(() => undefined).then(() => this.#slot.release());
      else this.#slot.release();
    }
  }

  abort(): void {
    this.#end();
    this.#slot.release();
  }

  /** The upload is not wanted any more; whoever feeds it hears so by its signal. */
  revoke(reason: ChorusError): void {
    this.#controller.abort(reason);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.ended(this);
  }
}

/** An upload after one was accepted: only hashed, to tell a repeated answer from another update. Takes no memory. */
export class ReplayedUpload implements Upload {
  readonly signal = new AbortController().signal;
  readonly #receipt: Receipt;
  readonly #contentLength: number | null;
  readonly #bytesMax: number;
  readonly #hash: Hash = createHash('sha256');
  #length = 0;

  /** @throws PAYLOAD_TOO_LARGE */
  constructor(receipt: Receipt, contentLength: number | null, bytesMax: number) {
    this.#receipt = receipt;
    this.#contentLength = contentLength;
    this.#bytesMax = bytesMax;
    this.#bound(contentLength ?? 0);
  }

  write(chunk: Uint8Array): void {
    this.#length += chunk.byteLength;
    this.#bound(this.#length);
    this.#hash.update(chunk);
  }

  async finish(): Promise<Receipt> {
    if (this.#contentLength !== null && this.#length < this.#contentLength) {
      throw new ChorusError('PAYLOAD_TRUNCATED', `${this.#length} of ${this.#contentLength} bytes came`);
    }
    if (this.#hash.digest('hex') !== this.#receipt.sha256) throw new ChorusError('UPDATE_CONFLICT');
    return this.#receipt;
  }

  abort(): void {
    this.#hash.destroy();
  }

  #bound(bytes: number): void {
    if (bytes > this.#bytesMax) {
      throw new ChorusError('PAYLOAD_TOO_LARGE', `The update has ${bytes} bytes; at most ${this.#bytesMax} are taken`);
    }
  }
}
