import { ChorusError } from '../../domain/errors.ts';
import { readNpyHead } from '../../wire/npy.ts';
import { safetensorsHeader } from '../../wire/safetensors.ts';

/** The number of examples before the `.npy`: 32 bits, big-endian. */
const countBytes = 4;
/** A header of safetensors says so much more than one of `.npy`, its tensor's name aside, and not more. */
const growthBytesMax = 256;
const alignmentBytes = 64;

const headerTooShort = (bytes: number) =>
  new ChorusError(
    'MALFORMED_NPY',
    `The body ends after ${bytes} bytes, within its sample count or the head of its .npy`,
  );

/**
 * Makes a safetensors file of an upload as it comes in: number of examples and head of the `.npy` become a header, and
 * the values stay as they are. Holds nothing but the head. How much longer the file is than the upload is known before
 * its first byte, so that its memory can be reserved.
 */
export class UploadRewriter {
  readonly #tensorName: string;
  readonly #growthBytes: number;
  readonly #contentLength: number | null;
  #head: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** Bytes of the whole upload, once its head has told. */
  #bodyBytes: number | null = null;
  #seenBytes = 0;

  /** @param tensorName what the one array is called in the model. @param contentLength of the body, or null when unknown. */
  constructor(tensorName: string, contentLength: number | null) {
    this.#tensorName = tensorName;
    this.#contentLength = contentLength;
    const nameBytes = Buffer.byteLength(JSON.stringify(tensorName));
    // Values aligned in the .npy are aligned in the file.
    this.#growthBytes = Math.ceil((growthBytesMax + nameBytes) / alignmentBytes) * alignmentBytes - countBytes;
  }

  /** Length of the file, or null when that of the body is unknown. */
  get fileBytes(): number | null {
    return this.#contentLength === null ? null : this.#contentLength + this.#growthBytes;
  }

  /** @param write is given the file piece by piece. @throws MALFORMED_NPY, DTYPE_UNSUPPORTED */
  take(piece: Uint8Array, write: (bytes: Uint8Array) => void): void {
    this.#seenBytes += piece.byteLength;
    if (this.#bodyBytes === null) this.#takeHead(piece, write);
    else write(piece);
    if (this.#bodyBytes !== null && this.#seenBytes > this.#bodyBytes) this.#refuseLength(this.#seenBytes);
  }

  /** The body is over. @throws MALFORMED_NPY: too early */
  end(): void {
    if (this.#bodyBytes === null) throw headerTooShort(this.#seenBytes);
    if (this.#seenBytes < this.#bodyBytes) this.#refuseLength(this.#seenBytes);
  }

  #takeHead(piece: Uint8Array, write: (bytes: Uint8Array) => void): void {
    const held = new Uint8Array(this.#head.byteLength + piece.byteLength);
    held.set(this.#head);
    held.set(piece, this.#head.byteLength);
    this.#head = held;
    if (held.byteLength < countBytes) return;
    const head = readNpyHead(held.subarray(countBytes));
    if (!head) return;
    this.#head = new Uint8Array(0);
    const { dtype, shape, dataOffset, byteLength } = head;
    this.#bodyBytes = countBytes + byteLength;
    if (this.#contentLength !== null && this.#contentLength !== this.#bodyBytes)
      this.#refuseLength(this.#contentLength);
    const numExamples = new DataView(held.buffer).getUint32(0, false);
    const headerBytes = countBytes + dataOffset + this.#growthBytes;
    write(
      safetensorsHeader([{ name: this.#tensorName, dtype, shape }], { num_examples: String(numExamples) }, headerBytes),
    );
    write(held.subarray(countBytes + dataOffset));
  }

  #refuseLength(bytes: number): never {
    throw new ChorusError(
      'MALFORMED_NPY',
      `The head of the .npy makes a body of ${this.#bodyBytes} bytes, but it has ${bytes}`,
    );
  }
}
