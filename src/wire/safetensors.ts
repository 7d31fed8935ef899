import { ChorusError } from '../domain/errors.ts';
import { type Dtype, dtypes, elementCount, type ModelSchema, type TensorSpec, type Tensors } from '../domain/model.ts';
import { parseJsonObject } from './strict-json.ts';
import { readValues, writeValues } from './values.ts';

/** The safetensors format: 8 bytes of header length (u64, little-endian), a JSON header, the tensors' bytes. */
const prefixBytes = 8;
const alignmentBytes = 8;
/** The header's entry that is no tensor. */
const metadataName = '__metadata__';

export interface HeadLimits {
  /** @default 8 MiB */
  headerBytesMax: number;
  /** @default 65,536 */
  tensorsMax: number;
  /** @default 32 */
  rankMax: number;
}

const defaultLimits: HeadLimits = { headerBytesMax: 8 * 2 ** 20, tensorsMax: 65_536, rankMax: 32 };
/** Values in the header's JSON; a tensor of rank r takes 6 + r. Bounds what a header of many empty lists costs to read. */
const headerValuesMax = 524_288;
const nameLengthMax = 1_024;

/** A tensor and where its bytes are, counted from the start of the file. */
export interface TensorSlot extends TensorSpec {
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface SafetensorsHead {
  /** In the order of their bytes. */
  readonly tensors: readonly TensorSlot[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where the data begins. */
  readonly dataOffset: number;
  readonly byteLength: number;
}

const malformed = (detail: string) => new ChorusError('MALFORMED_SAFETENSORS', detail);

/** Dtypes that the format knows and we do not take. */
const foreignDtypes = new Set([
  'BOOL',
  'U8',
  'I8',
  'U16',
  'I16',
  'U32',
  'I32',
  'U64',
  'I64',
  'C64',
  'F8_E4M3',
  'F8_E5M2',
  'F8_E8M0',
  'F6_E2M3',
  'F6_E3M2',
  'F4',
]);

/**
 * Reads and checks the head of a file: every length, offset, name, shape and dtype, before anything is allocated in
 * proportion to them. The data must be covered exactly, without holes or overlaps.
 * @param bytes the whole file; may be shared memory.
 * @throws MALFORMED_SAFETENSORS, DTYPE_UNSUPPORTED; nothing else, whatever the bytes are.
 */
export function readSafetensorsHead(bytes: Uint8Array, limits: Partial<HeadLimits> = {}): SafetensorsHead {
  const { headerBytesMax, tensorsMax, rankMax } = { ...defaultLimits, ...limits };
  const headerBytes = headerLength(bytes, headerBytesMax);
  const dataOffset = prefixBytes + headerBytes;
  const header = parseJsonObject(headerText(bytes, headerBytes), malformed, { valuesMax: headerValuesMax });
  const metadata = metadataOf(header.get(metadataName));
  header.delete(metadataName);
  if (header.size > tensorsMax)
    throw malformed(`The header lists ${header.size} tensors; at most ${tensorsMax} are taken`);
  const dataBytes = bytes.byteLength - dataOffset;
  const tensors = [...header]
    .map(([name, entry]) => readSlot(name, entry, dataBytes, rankMax))
    .sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let end = 0;
  for (const { name, byteOffset, byteLength } of tensors) {
    if (byteOffset !== end) {
      throw malformed(
        `Tensor "${name.slice(0, 64)}" begins at data offset ${byteOffset}, but the one before it ends at ${end}`,
      );
    }
    end += byteLength;
  }
  if (end !== dataBytes) throw malformed(`The tensors cover ${end} bytes of data, but there are ${dataBytes}`);
  return {
    tensors: tensors.map((tensor) => ({ ...tensor, byteOffset: tensor.byteOffset + dataOffset })),
    metadata,
    dataOffset,
    byteLength: bytes.byteLength,
  };
}

function headerLength(bytes: Uint8Array, headerBytesMax: number): number {
  if (bytes.byteLength < prefixBytes) throw malformed(`The file has ${bytes.byteLength} bytes; its prefix alone has 8`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, prefixBytes).getBigUint64(0, true);
  if (length > BigInt(headerBytesMax))
    throw malformed(`The header claims ${length} bytes; at most ${headerBytesMax} are taken`);
  if (length > BigInt(bytes.byteLength - prefixBytes)) {
    throw malformed(`The header claims ${length} bytes, but only ${bytes.byteLength - prefixBytes} follow`);
  }
  return Number(length);
}

function headerText(bytes: Uint8Array, headerBytes: number): string {
  // A copy, since text decoders refuse shared memory.
  const copy = bytes.slice(prefixBytes, prefixBytes + headerBytes);
  if (copy[0] !== 0x7b) throw malformed('The header does not begin with "{"');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(copy));
  } catch {
    throw malformed('The header is not UTF-8');
  }
}

function metadataOf(entry: unknown): Record<string, string> {
  const metadata: Record<string, string> = Object.create(null);
  if (entry === undefined) return metadata;
  if (!(entry instanceof Map)) throw malformed(`${metadataName} is not an object`);
  for (const [key, value] of entry) {
    if (typeof value !== 'string')
      throw malformed(`${metadataName} has a value that is no text, at "${key.slice(0, 64)}"`);
    metadata[key] = value;
  }
  return metadata;
}

function readSlot(name: string, entry: unknown, dataBytes: number, rankMax: number): TensorSlot {
  const wrong = (what: string) => malformed(`Tensor "${name.slice(0, 64)}": ${what}`);
  if (name.length === 0 || name.length > nameLengthMax) throw wrong(`a name has 1 to ${nameLengthMax} characters`);
  if (!(entry instanceof Map)) throw wrong('its description is not an object');
  const dtype: unknown = entry.get('dtype');
  const shape: unknown = entry.get('shape');
  const offsets: unknown = entry.get('data_offsets');
  if (entry.size !== 3) throw wrong('its description has other keys than dtype, shape and data_offsets');
  if (typeof dtype !== 'string' || !Object.hasOwn(dtypes, dtype)) {
    if (typeof dtype === 'string' && foreignDtypes.has(dtype)) {
      throw new ChorusError(
        'DTYPE_UNSUPPORTED',
        `Tensor "${name.slice(0, 64)}" has dtype ${dtype}; F64, F32, F16 and BF16 are taken`,
      );
    }
    throw wrong('its dtype is unknown');
  }
  if (!Array.isArray(shape) || shape.length > rankMax) throw wrong(`its shape is no list of at most ${rankMax} sizes`);
  let count = 1;
  for (const size of shape) {
    if (!isIndex(size)) throw wrong('its shape has a size that is no whole number from 0');
    count *= size;
    if (!Number.isSafeInteger(count)) throw wrong('its shape has more elements than can be counted');
  }
  if (!Array.isArray(offsets) || offsets.length !== 2) throw wrong('its data_offsets are no pair');
  const [begin, end] = offsets as unknown[];
  if (!isIndex(begin) || !isIndex(end)) throw wrong('its data_offsets are no whole numbers from 0');
  if (begin > end || end > dataBytes)
    throw wrong(`its data_offsets [${begin}, ${end}] are not within ${dataBytes} bytes of data`);
  const byteLength = count * dtypes[dtype as Dtype];
  if (end - begin !== byteLength)
    throw wrong(`its shape needs ${byteLength} bytes, its data_offsets give ${end - begin}`);
  return { name, dtype: dtype as Dtype, shape: shape as number[], byteOffset: begin, byteLength };
}

const isIndex = (value: unknown): value is number =>
  Number.isSafeInteger(value) && !Object.is(value, -0) && (value as number) >= 0;

/** The tensors a file holds, in the order of their bytes. */
export const schemaOf = (head: SafetensorsHead): ModelSchema =>
  head.tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }));

/** @returns the first difference as a sentence, or null. The order of the tensors does not matter. */
export function schemaMismatch(expected: ModelSchema, given: ModelSchema): string | null {
  const byName = new Map(given.map((tensor) => [tensor.name, tensor]));
  for (const { name, dtype, shape } of expected) {
    const tensor = byName.get(name);
    if (!tensor) return `Tensor "${name}" is missing`;
    if (tensor.dtype !== dtype) return `Tensor "${name}" has dtype ${tensor.dtype}; the model has ${dtype}`;
    const same = tensor.shape.length === shape.length && tensor.shape.every((size, axis) => size === shape[axis]);
    if (!same) return `Tensor "${name}" has shape [${tensor.shape}]; the model has [${shape}]`;
    byName.delete(name);
  }
  const [extra] = byName.keys();
  return extra === undefined ? null : `Tensor "${extra}" is not in the model`;
}

/**
 * The prefix and header of a file; the tensors' bytes follow in the schema's order. The data begins 8-byte aligned.
 * @param bytesMin what is shorter is padded to this length, aligned or not: for writers who must tell it beforehand.
 */
export function safetensorsHeader(
  schema: ModelSchema,
  metadata: Readonly<Record<string, string>> = {},
  bytesMin = 0,
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length > 0 ? [[metadataName, metadata]] : [];
  let offset = 0;
  for (const { name, dtype, shape } of schema) {
    const end = offset + elementCount(shape) * dtypes[dtype];
    entries.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Written entry by entry: an object literal would reorder names that look like numbers, and lose "__proto__".
  const json = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const padded = Math.max(Math.ceil(text.byteLength / alignmentBytes) * alignmentBytes, bytesMin - prefixBytes);
  const header = new Uint8Array(prefixBytes + padded).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true);
  header.set(text, prefixBytes);
  return header;
}

/** @throws {RangeError} a tensor's data is not as long as its shape says, or a tensor has the metadata's name. */
export function encodeSafetensors(
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  if (Object.hasOwn(tensors, metadataName)) throw new RangeError(`No tensor can be named ${metadataName}`);
  const entries = Object.entries(tensors);
  const header = safetensorsHeader(
    entries.map(([name, { dtype, shape }]) => ({ name, dtype, shape })),
    metadata,
  );
  const dataBytes = entries.reduce((sum, [, { dtype, shape }]) => sum + elementCount(shape) * dtypes[dtype], 0);
  const file = new Uint8Array(header.byteLength + dataBytes);
  file.set(header);
  let offset = header.byteLength;
  for (const [name, tensor] of entries) {
    const count = elementCount(tensor.shape);
    if (tensor.data.length !== count) {
      throw new RangeError(`Tensor "${name}" has ${tensor.data.length} values; its shape says ${count}`);
    }
    writeValues(file, offset, tensor);
    offset += count * dtypes[tensor.dtype];
  }
  return file;
}

/** Reads a whole file into typed tensors; F16 and BF16 are widened to float32. @throws as `readSafetensorsHead` */
export function decodeSafetensors(bytes: Uint8Array): { tensors: Tensors; metadata: Readonly<Record<string, string>> } {
  const head = readSafetensorsHead(bytes);
  const tensors: Tensors = Object.create(null);
  for (const { name, dtype, shape, byteOffset, byteLength } of head.tensors) {
    tensors[name] = { dtype, shape, data: readValues(bytes.subarray(byteOffset, byteOffset + byteLength), dtype) };
  }
  return { tensors, metadata: head.metadata };
}
