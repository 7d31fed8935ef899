import { createHash } from 'node:crypto';
import { ChorusError, type Refusal, toRefusal } from '../domain/errors.ts';
import { type Dtype, dtypes, elementCount, type ModelSchema } from '../domain/model.ts';
import { firstNonFinite } from '../wire/finite.ts';
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from '../wire/half.ts';
import {
  readSafetensorsHead,
  type SafetensorsHead,
  safetensorsHeader,
  schemaMismatch,
  schemaOf,
} from '../wire/safetensors.ts';
import { readUpdateMetadata } from '../wire/update-metadata.ts';
import type { FinishTask, FoldPiece, FoldTask, Inspected, InspectTask } from './fold-task.ts';

/** Elements worked on at a time: small enough to stay in cache, and the bound on what is copied. */
const tileElements = 16_384;
/** Hashing larger pieces at once is slower: their pages are fresh. */
const hashPieceBytes = 131_072;

/** Checks an update or a model whole: format, schema, finite values, weight and metrics. Total: refusals are data. */
export function inspectUpdate(task: InspectTask): Inspected | Refusal {
  try {
    const bytes = new Uint8Array(task.bytes, 0, task.byteLength);
    const head = readSafetensorsHead(bytes);
    if (task.schema) {
      const mismatch = schemaMismatch(task.schema, schemaOf(head));
      if (mismatch) throw new ChorusError('MODEL_MISMATCH', mismatch);
    }
    for (const tensor of head.tensors) {
      const index = firstNonFinite(bytes, tensor);
      if (index !== -1)
        throw new ChorusError('NOT_FINITE', `Tensor "${tensor.name}" is not finite at element ${index}`);
    }
    const schema = task.schema ?? schemaOf(head);
    return {
      kind: 'valid',
      sha256: sha256Of(bytes),
      ...metadataOf(head, task),
      schema,
      pieces: piecesOf(head, schema),
    };
  } catch (error) {
    return toRefusal(error);
  }
}

function metadataOf(head: SafetensorsHead, { isModel, numExamplesMax, allowZeroExamples }: InspectTask) {
  if (isModel) return { numExamples: 0, metrics: {} };
  if (allowZeroExamples && head.metadata.num_examples === '0') return { numExamples: 0, metrics: {} };
  return readUpdateMetadata(head.metadata, { numExamplesMax });
}

/** Where each tensor lies in these bytes and where it goes in the sum; the sum is in the schema's order. */
function piecesOf(head: SafetensorsHead, schema: ModelSchema): FoldPiece[] {
  const byName = new Map(head.tensors.map((tensor) => [tensor.name, tensor]));
  let at = 0;
  return schema.map(({ name, dtype, shape }) => {
    const tensor = byName.get(name);
    if (!tensor) throw new ChorusError('MODEL_MISMATCH', `Tensor "${name}" is missing`);
    const count = elementCount(shape);
    const piece = { dtype, byteOffset: tensor.byteOffset, count, at };
    at += count;
    return piece;
  });
}

/** `sum[i] += weight · update[i]` in float64, over every piece. */
export function addWeighted({ sum, update, pieces, weight }: FoldTask): void {
  const into = new Float64Array(sum);
  eachTile(update, pieces, (values, at) => {
    for (let index = 0; index < values.length; index += 1) {
      into[at + index] = (into[at + index] ?? 0) + weight * (values[index] ?? 0);
    }
  });
}

/**
 * The model `sum / divisor` (plus the base, for deltas), as safetensors in the schema's dtypes; rounded once, from
 * float64 to the dtype.
 */
export function finishMean({ sum, divisor, schema, base, metadata }: FinishTask): {
  bytes: SharedArrayBuffer;
  sha256: string;
} {
  if (!(divisor > 0)) throw new RangeError('No weight, so no mean');
  const mean = new Float64Array(sum);
  for (let index = 0; index < mean.length; index += 1) mean[index] = (mean[index] ?? 0) / divisor;
  if (base) addWeighted({ sum, update: base.bytes, pieces: base.pieces, weight: 1 });
  const header = safetensorsHeader(schema, metadata);
  const dataBytes = schema.reduce((total, { dtype, shape }) => total + dtypes[dtype] * elementCount(shape), 0);
  const bytes = new SharedArrayBuffer(header.byteLength + dataBytes);
  new Uint8Array(bytes).set(header);
  let at = 0;
  let byteOffset = header.byteLength;
  for (const { dtype, shape } of schema) {
    const count = elementCount(shape);
    writeElements(bytes, byteOffset, dtype, mean.subarray(at, at + count));
    at += count;
    byteOffset += count * dtypes[dtype];
  }
  return { bytes, sha256: sha256Of(new Uint8Array(bytes)) };
}

/** Calls `visit` with the values of each piece, a tile at a time; half precision is widened, odd offsets are copied. */
function eachTile(
  bytes: SharedArrayBuffer,
  pieces: readonly FoldPiece[],
  visit: (values: Float32Array | Float64Array, at: number) => void,
): void {
  const scratch = new ArrayBuffer(tileElements * Float64Array.BYTES_PER_ELEMENT);
  const widened = new Float32Array(tileElements);
  for (const { dtype, byteOffset, count, at } of pieces) {
    const size = dtypes[dtype];
    const isAligned = byteOffset % size === 0;
    for (let done = 0; done < count; done += tileElements) {
      const length = Math.min(tileElements, count - done);
      const start = byteOffset + done * size;
      if (!isAligned) new Uint8Array(scratch).set(new Uint8Array(bytes, start, length * size));
      const source = isAligned ? bytes : scratch;
      visit(valuesOf(source, isAligned ? start : 0, length, dtype, widened), at + done);
    }
  }
}

function valuesOf(
  source: ArrayBuffer | SharedArrayBuffer,
  offset: number,
  length: number,
  dtype: Dtype,
  widened: Float32Array,
): Float32Array | Float64Array {
  if (dtype === 'F32') return new Float32Array(source, offset, length);
  if (dtype === 'F64') return new Float64Array(source, offset, length);
  const halves = new Uint16Array(source, offset, length);
  const widen = dtype === 'F16' ? f16ToFloat32 : bf16ToFloat32;
  for (let index = 0; index < length; index += 1) widened[index] = widen(halves[index] ?? 0);
  return widened.subarray(0, length);
}

function writeElements(bytes: SharedArrayBuffer, byteOffset: number, dtype: Dtype, values: Float64Array): void {
  const view = new DataView(bytes);
  const size = dtypes[dtype];
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? 0;
    const offset = byteOffset + index * size;
    if (dtype === 'F32') view.setFloat32(offset, value, true);
    else if (dtype === 'F64') view.setFloat64(offset, value, true);
    else view.setUint16(offset, dtype === 'F16' ? float32ToF16(value) : float32ToBf16(value), true);
  }
}

function sha256Of(bytes: Uint8Array): string {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += hashPieceBytes) hash.update(bytes.subarray(at, at + hashPieceBytes));
  return hash.digest('hex');
}
