import { createHash, type Hash } from 'node:crypto';
import type { Upload } from '../domain/aggregation.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Receipt } from '../domain/handle.ts';
import type { Inspecting } from './fold-task.ts';
import type { Span } from './shared-memory.ts';
import type { StagingSlot } from './staging.ts';

/** Bytes that came in whole, and their inspection under way. */
export interface Staged {
  span: Span;
  byteLength: number;
  inspecting: Inspecting;
}

/** How a whole upload ended: its receipt, and when its bytes are in the sum and may be forgotten. */
export interface Settled {
  receipt: Receipt;
  folded: Promise<void> | null;
}

export interface StagedUploadOptions {
  contentLength: number | null;
  bytesMax: number;
  slot: StagingSlot;
  /** Counts an upload of so many bytes, or more, as refused. @returns the refusal */
  tooLarge: (bytes: number) => ChorusError;
  /** Begins to check the bytes as they come. @param expectedBytes how many will come, if known */
  inspect: (span: Span, expectedBytes: number | null) => Inspecting;
  /** Checks and settles the whole upload. @throws the refusal */
  settle: (staged: Staged) => Promise<Settled>;
  /** Called once, when the upload is over, whatever way. */
  ended: (upload: StagedUpload) => void;
}

/** An upload of which so much has come is looked at before it is whole, bytes. */
const inspectAheadBytes = 1_048_576;

/** An upload into staging memory. */
export class StagedUpload implements Upload {
  readonly #options: StagedUploadOptions;
  readonly #controller = new AbortController();
  #inspecting: Inspecting | null = null;
  #isOver = false;

  constructor(options: StagedUploadOptions) {
    this.#options = options;
    options.slot.tryOpen();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get receivedBytes(): number {
    return this.#options.slot.length;
  }

  ready(): Promise<void> {
    return this.#options.slot.open(this.signal);
  }

  write(chunk: Uint8Array): void {
    this.signal.throwIfAborted();
    const { bytesMax, slot, tooLarge } = this.#options;
    const length = slot.length + chunk.byteLength;
    if (length > bytesMax) throw tooLarge(length);
    slot.write(chunk);
    this.#lookAhead();
  }

  rest(bytesMax: number): Uint8Array<SharedArrayBuffer> | null {
    return this.#options.contentLength === null ? null : this.#options.slot.rest(bytesMax);
  }

  filled(bytes: number): void {
    this.#options.slot.filled(bytes);
    this.#lookAhead();
  }

  async finish(): Promise<Receipt> {
    const { contentLength, slot, settle } = this.#options;
    let folded: Promise<void> | null = null;
    try {
      this.signal.throwIfAborted();
      if (contentLength !== null && slot.length < contentLength) {
        throw new ChorusError('PAYLOAD_TRUNCATED', `${slot.length} of ${contentLength} bytes came`);
      }
      const settled = await settle({
        span: slot.span,
        byteLength: slot.length,
        inspecting: this.#inspect(slot.length),
      });
      folded = settled.folded;
      return settled.receipt;
    } finally {
      this.#end();
      if (folded !== null) void folded.catch(() => undefined).then(() => slot.release());
      else slot.release();
    }
  }

  abort(): void {
    this.#inspecting?.inspector.abandon();
    this.#end();
    this.#options.slot.release();
  }

  /** The upload is not wanted any more; whoever feeds it hears so by its signal. */
  revoke(reason: ChorusError): void {
    this.#controller.abort(reason);
  }

  #inspect(expectedBytes: number): Inspecting {
    this.#inspecting ??= this.#options.inspect(this.#options.slot.span, expectedBytes);
    return this.#inspecting;
  }

  #lookAhead(): void {
    const { contentLength, slot } = this.#options;
    if (contentLength === null || contentLength <= inspectAheadBytes || slot.length < inspectAheadBytes) return;
    this.#inspect(contentLength).inspector.advance(slot.length);
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

  async ready(): Promise<void> {}

  rest(): null {
    return null;
  }

  filled(): void {}

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
