import { ChorusError } from '../domain/errors.ts';
import { dtypes, elementCount, type Tensor } from '../domain/model.ts';
import { readValues, writeValues } from './values.ts';

/** NumPy's format for one array: magic, version, header length, the header as a Python literal, the values. */
const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);
const versionBytes = 2;
/** Bytes before the header length. */
const leadBytes = magic.byteLength + versionBytes;
/** NumPy lets the values begin at a multiple of this. */
const alignmentBytes = 64;
/** Longest header taken in, bytes; a shape of 32 sizes needs a tenth of it. */
const headerBytesMax = 16_384;
const rankMax = 32;
/** Longest header that version 1 can tell the length of. */
const version1BytesMax = 65_535;

/** The dtypes that such a file can have here, by the name NumPy gives them. */
const descrs = { F32: '<f4', F64: '<f8' } as const;
type NpyDtype = keyof typeof descrs;

export interface NpyHead {
  readonly dtype: NpyDtype;
  readonly shape: readonly number[];
  /** Where the values begin. */
  readonly dataOffset: number;
  /** Of the whole file, as the head says. */
  readonly byteLength: number;
}

const malformed = (detail: string) => new ChorusError('MALFORMED_NPY', detail);

/**
 * Reads and checks the head of a file, version 1, 2 or 3; nothing is allocated in proportion to what it claims.
 * @param bytes the file or its beginning; may be shared memory.
 * @returns null while the head is not there in whole.
 * @throws MALFORMED_NPY, DTYPE_UNSUPPORTED; nothing else, whatever the bytes are.
 */
export function readNpyHead(bytes: Uint8Array): NpyHead | null {
  const seen = Math.min(bytes.byteLength, magic.byteLength);
  if (!magic.every((byte, index) => index >= seen || bytes[index] === byte))
    throw malformed('It does not begin as a .npy file does');
  if (bytes.byteLength < leadBytes) return null;
  const version = bytes[magic.byteLength] ?? 0;
  if (version < 1 || version > 3) throw malformed(`Its version is ${version}; 1, 2 and 3 are taken`);
  const lengthBytes = version === 1 ? 2 : 4;
  const headerOffset = leadBytes + lengthBytes;
  if (bytes.byteLength < headerOffset) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + leadBytes, lengthBytes);
  const headerBytes = version === 1 ? view.getUint16(0, true) : view.getUint32(0, true);
  if (headerBytes > headerBytesMax)
    throw malformed(`Its header claims ${headerBytes} bytes; at most ${headerBytesMax} are taken`);
  const dataOffset = headerOffset + headerBytes;
  if (bytes.byteLength < dataOffset) return null;
  const { dtype, shape } = parseHeader(asciiOf(bytes.subarray(headerOffset, dataOffset)));
  return { dtype, shape, dataOffset, byteLength: dataOffset + dataBytesOf(dtype, shape) };
}

function asciiOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function dataBytesOf(dtype: NpyDtype, shape: readonly number[]): number {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) throw malformed('Its shape has more elements than can be counted');
  }
  return count * dtypes[dtype];
}

/** The tokens of the one Python literal that may stand there. Texts have no escapes: none of ours needs any. */
const token = /[ \t\n\r]*([{}(),:]|'[^'\\\n]*'|"[^"\\\n]*"|True|False|0|[1-9]\d*|$)/y;

type Literal = string | boolean | readonly number[];

/** A dict of exactly `descr`, `fortran_order` and `shape`, in any order; parsed, never evaluated. */
function parseHeader(header: string): { dtype: NpyDtype; shape: readonly number[] } {
  const entries = parseDict(header);
  const descr = entries.get('descr');
  const isFortran = entries.get('fortran_order');
  const shape = entries.get('shape');
  if (entries.size !== 3 || descr === undefined || isFortran === undefined || shape === undefined) {
    throw malformed('Its header has other keys than descr, fortran_order and shape');
  }
  if (typeof descr !== 'string') throw malformed('Its descr is no text');
  if (typeof isFortran !== 'boolean') throw malformed('Its fortran_order is neither True nor False');
  if (!Array.isArray(shape)) throw malformed('Its shape is no tuple');
  if (isFortran) throw malformed('Its values are in Fortran order; save it in C order (numpy.ascontiguousarray)');
  return { dtype: dtypeOf(descr), shape: shape as readonly number[] };
}

function dtypeOf(descr: string): NpyDtype {
  for (const dtype of ['F32', 'F64'] as const) if (descrs[dtype] === descr) return dtype;
  const isBigEndian = descr === '>f4' || descr === '>f8';
  throw new ChorusError(
    'DTYPE_UNSUPPORTED',
    `The array has dtype ${JSON.stringify(descr.slice(0, 32))}${isBigEndian ? ', big-endian' : ''}; "<f4" and "<f8" are taken`,
  );
}

function parseDict(text: string): Map<string, Literal> {
  let at = 0;

  function next(): string {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match?.[1] === undefined) throw malformed(`Its header is malformed at character ${at}`);
    at = token.lastIndex;
    return match[1];
  }

  function expect(wanted: string): void {
    if (next() !== wanted) throw malformed(`Its header lacks a "${wanted}" before character ${at}`);
  }

  const isText = (literal: string): boolean => literal.startsWith("'") || literal.startsWith('"');

  function value(): Literal {
    const first = next();
    if (first === '(') return sizes();
    if (first === 'True' || first === 'False') return first === 'True';
    if (isText(first)) return first.slice(1, -1);
    throw malformed(`Its header lacks a value before character ${at}`);
  }

  /** The rest of a tuple: `)`, `3,)`, `3, 4)` or `3, 4,)`; one size without a comma is no tuple. */
  function sizes(): number[] {
    const items: number[] = [];
    for (let literal = next(); literal !== ')'; literal = next()) {
      const size = /^\d/.test(literal) ? Number(literal) : Number.NaN;
      if (!Number.isSafeInteger(size)) throw malformed('Its shape has a size that is no whole number from 0');
      items.push(size);
      if (items.length > rankMax) throw malformed(`Its shape has more than ${rankMax} sizes`);
      const after = next();
      if (after === ')' && items.length > 1) return items;
      if (after !== ',') throw malformed(`Its shape lacks a "," before character ${at}`);
    }
    return items;
  }

  const entries = new Map<string, Literal>();
  expect('{');
  for (let key = next(); key !== '}'; key = next()) {
    if (!isText(key)) throw malformed(`Its header has a key that is no text before character ${at}`);
    const name = key.slice(1, -1);
    if (entries.has(name)) throw malformed(`Its header has the key "${name.slice(0, 32)}" twice`);
    expect(':');
    entries.set(name, value());
    const after = next();
    if (after === '}') break;
    if (after !== ',') throw malformed(`Its header lacks a "," before character ${at}`);
  }
  if (next() !== '') throw malformed(`Its header goes on after its dict, at character ${at}`);
  return entries;
}

/** Reads a whole file. @throws as {@link readNpyHead} */
export function decodeNpy(bytes: Uint8Array): Tensor {
  const head = readNpyHead(bytes);
  if (!head) throw malformed(`It ends within its head, after ${bytes.byteLength} bytes`);
  const { dtype, shape, dataOffset, byteLength } = head;
  if (bytes.byteLength !== byteLength) {
    throw malformed(`Its head says that it has ${byteLength} bytes, but there are ${bytes.byteLength}`);
  }
  return { dtype, shape, data: readValues(bytes.subarray(dataOffset), dtype) };
}

/** A file of version 1, or 2 where the header is too long for it. @throws {RangeError} other dtypes; data of another length than the shape's */
export function encodeNpy(tensor: Tensor): Uint8Array<ArrayBuffer> {
  const { dtype, shape, data } = tensor;
  if (dtype !== 'F32' && dtype !== 'F64') throw new RangeError(`A tensor of dtype ${dtype} is not written as .npy`);
  const count = elementCount(shape);
  if (data.length !== count) throw new RangeError(`The tensor has ${data.length} values; its shape says ${count}`);
  const head = npyHead(dtype, shape);
  const file = new Uint8Array(head.byteLength + count * dtypes[dtype]);
  file.set(head);
  writeValues(file, head.byteLength, tensor);
  return file;
}

function npyHead(dtype: NpyDtype, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const dict = `{'descr': '${descrs[dtype]}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const paddedFor = (lengthBytes: number): number =>
    Math.ceil((leadBytes + lengthBytes + dict.length + 1) / alignmentBytes) * alignmentBytes;
  const version = paddedFor(2) - leadBytes - 2 <= version1BytesMax ? 1 : 2;
  const lengthBytes = version === 1 ? 2 : 4;
  const head = new Uint8Array(paddedFor(lengthBytes)).fill(0x20);
  const view = new DataView(head.buffer);
  const headerBytes = head.byteLength - leadBytes - lengthBytes;
  head.set(magic);
  view.setUint8(magic.byteLength, version);
  view.setUint8(magic.byteLength + 1, 0);
  if (version === 1) view.setUint16(leadBytes, headerBytes, true);
  else view.setUint32(leadBytes, headerBytes, true);
  head.set(new TextEncoder().encode(dict), leadBytes + lengthBytes);
  head[head.byteLength - 1] = 0x0a;
  return head;
}
