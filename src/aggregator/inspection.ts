import { createHash } from 'node:crypto';
import { ChorusError, type Refusal, toRefusal } from '../domain/errors.ts';
import { type Dtype, dtypes, elementCount, type ModelSchema } from '../domain/model.ts';
import { firstNonFinite } from '../wire/finite.ts';
import {
  readSafetensorsHead,
  type SafetensorsHead,
  schemaMismatch,
  schemaOf,
  type TensorSlot,
} from '../wire/safetensors.ts';
import { readUpdateMetadata } from '../wire/update-metadata.ts';
import type { FoldPiece, Inspected, InspectTask } from './fold-task.ts';
import { kernelsFor } from './kernels/kernels.ts';
import { bytesOf } from './shared-memory.ts';

/** Hashed and then checked at a time, while it is in cache; hashing larger pieces at once is slower. */
const pieceBytes = 131_072;
const prefixBytes = 8;

/**
 * Checks an update or a model: format, schema, finite values, norm, weight and metrics, and its SHA-256. The bytes are
 * read once, in order, as they come in, so that little is left to do when the last one is there.
 */
export class Inspection {
  readonly #task: InspectTask;
  readonly #bytes: Uint8Array;
  readonly #hash = createHash('sha256');
  #hashedTo = 0;
  /** The head once it can be read; a refusal of it waits for the end. */
  #head: SafetensorsHead | null = null;
  #refusal: unknown = null;
  /** The tensor being checked, and how many of its values are. */
  #tensor = 0;
  #checked = 0;
  /** Of the checked values, where there is a bound on their norm. */
  #squares = 0;

  constructor(task: InspectTask) {
    this.#task = task;
    this.#bytes = bytesOf(task.span);
  }

  /** Looks at what has come. */
  advance(bytes: number): void {
    while (this.#hashedTo < bytes) {
      const to = Math.min(bytes, this.#hashedTo + pieceBytes);
      this.#hash.update(this.#bytes.subarray(this.#hashedTo, to));
      this.#hashedTo = to;
      if (this.#task.expectedBytes !== null) this.#readHead(this.#task.expectedBytes);
      this.#checkTo(to);
    }
  }

  /** Total: refusals are data. */
  finish(byteLength: number): Inspected | Refusal {
    try {
      this.advance(byteLength);
      const head = this.#wholeHead(byteLength);
      this.#checkTo(byteLength);
      if (this.#refusal) throw this.#refusal;
      const { schema: wanted, normMax } = this.#task;
      const norm = Math.sqrt(this.#squares);
      if (normMax !== null && norm > normMax) {
        throw new ChorusError('NORM_TOO_LARGE', `The update has an L2 norm of ${norm}; at most ${normMax} is taken`);
      }
      const schema = wanted ?? schemaOf(head);
      return {
        kind: 'valid',
        sha256: this.#hash.digest('hex'),
        ...metadataOf(head, this.#task),
        schema,
        pieces: piecesOf(head, schema),
      };
    } catch (error) {
      return toRefusal(error);
    }
  }

  #wholeHead(byteLength: number): SafetensorsHead {
    if (byteLength === this.#task.expectedBytes || !this.#head) this.#readHead(byteLength);
    if (this.#refusal) throw this.#refusal;
    // Bytes are missing, or the prefix says that the head has more than came: said by the codec.
    return this.#head ?? readSafetensorsHead(bytesOf(this.#task.span, byteLength));
  }

  /** Reads the head when it is there. @param byteLength what the whole file has, or will have. */
  #readHead(byteLength: number): void {
    if (this.#head || this.#refusal || this.#hashedTo < prefixBytes) return;
    const prefix = bytesOf(this.#task.span, prefixBytes);
    const headBytes = prefixBytes + Number(new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true));
    if (headBytes > this.#hashedTo && this.#hashedTo < byteLength) return;
    try {
      const head = readSafetensorsHead(bytesOf(this.#task.span, byteLength));
      const mismatch = this.#task.schema && schemaMismatch(this.#task.schema, schemaOf(head));
      if (mismatch) throw new ChorusError('MODEL_MISMATCH', mismatch);
      this.#head = head;
    } catch (error) {
      this.#refusal = error;
    }
  }

  /** Checks the values that lie wholly before `end`. */
  #checkTo(end: number): void {
    const tensors = this.#head?.tensors ?? [];
    for (let tensor = tensors[this.#tensor]; tensor && !this.#refusal; tensor = tensors[this.#tensor]) {
      const size = dtypes[tensor.dtype];
      const total = tensor.byteLength / size;
      const there = Math.min(total, Math.floor((end - tensor.byteOffset) / size));
      if (there > this.#checked) this.#check(tensor, this.#checked, there - this.#checked);
      this.#checked = Math.max(this.#checked, there);
      if (this.#checked < total) return;
      this.#tensor += 1;
      this.#checked = 0;
    }
  }

  #check(tensor: TensorSlot, from: number, count: number): void {
    const { span, normMax } = this.#task;
    const { arena, at } = span;
    const { dtype, name } = tensor;
    const size = dtypes[dtype];
    const byteOffset = tensor.byteOffset + from * size;
    const values = { arena, at: at + byteOffset };
    const kernels = kernelsFor(arena);
    // The norm is three times the work, and mostly nobody asks for it.
    const squares = normMax === null ? null : kernels.check(dtype, values, count);
    if (squares === null ? kernels.areFinite(dtype, values, count) : !Number.isNaN(squares)) {
      this.#squares += squares ?? 0;
      return;
    }
    const part = { ...tensor, byteOffset, byteLength: count * size };
    const index = firstNonFinite(bytesOf(span, byteOffset + part.byteLength), part);
    if (index === -1) this.#squares = Number.POSITIVE_INFINITY;
    else this.#refusal = new ChorusError('NOT_FINITE', `Tensor "${name}" is not finite at element ${from + index}`);
  }
}

function metadataOf(head: SafetensorsHead, { isModel, numExamplesMax, allowZeroExamples }: InspectTask) {
  if (isModel) return { numExamples: 0, metrics: {} };
  if (allowZeroExamples && head.metadata.num_examples === '0') return { numExamples: 0, metrics: {} };
  return readUpdateMetadata(head.metadata, { numExamplesMax });
}

/**
 * Where the values lie in these bytes and where they go in the sum, which is in the schema's order. Tensors that follow
 * one another in both are one piece.
 */
export function piecesOf(head: SafetensorsHead, schema: ModelSchema): FoldPiece[] {
  const byName = new Map(head.tensors.map((tensor) => [tensor.name, tensor]));
  const pieces: FoldPiece[] = [];
  let at = 0;
  for (const { name, dtype, shape } of schema) {
    const tensor = byName.get(name);
    if (!tensor) throw new ChorusError('MODEL_MISMATCH', `Tensor "${name}" is missing`);
    const count = elementCount(shape);
    const last = pieces.at(-1);
    if (last && follows(last, dtype, tensor.byteOffset)) last.count += count;
    else pieces.push({ dtype, byteOffset: tensor.byteOffset, count, at });
    at += count;
  }
  return pieces;
}

const follows = (piece: FoldPiece, dtype: Dtype, byteOffset: number): boolean =>
  piece.dtype === dtype && piece.byteOffset + piece.count * dtypes[dtype] === byteOffset;

/** Checks bytes that are all there. */
export function inspectWhole(task: InspectTask, byteLength: number): Inspected | Refusal {
  return new Inspection({ ...task, expectedBytes: byteLength }).finish(byteLength);
}
