import type { TensorSlot } from './safetensors.ts';

/** A float is not finite when all bits of its exponent are set. */
const exponents = { F32: 0x7f800000, F64: 0x7ff00000, F16: 0x7c00, BF16: 0x7f80 } as const;
/** Bytes copied at a time when a tensor is not aligned. */
const pieceBytes = 65_536;

/** @returns the index of the first element that is NaN or infinite, or −1. @param bytes a whole little-endian file. */
export function firstNonFinite(bytes: Uint8Array, { dtype, byteOffset, byteLength }: TensorSlot): number {
  const exponent = exponents[dtype];
  const start = bytes.byteOffset + byteOffset;
  if (dtype === 'F32' || dtype === 'F64') {
    const stride = dtype === 'F64' ? 2 : 1;
    return scan(
      bytes.buffer,
      start,
      byteLength,
      Uint32Array,
      (words) => {
        // The exponent of a float64 is in its upper, second word.
        for (let index = stride - 1; index < words.length; index += stride) {
          if (((words[index] ?? 0) & exponent) === exponent) return (index - stride + 1) / stride;
        }
        return -1;
      },
      stride * 4,
    );
  }
  return scan(
    bytes.buffer,
    start,
    byteLength,
    Uint16Array,
    (halves) => {
      for (let index = 0; index < halves.length; index += 1) {
        if (((halves[index] ?? 0) & exponent) === exponent) return index;
      }
      return -1;
    },
    2,
  );
}

type Words = Uint32Array | Uint16Array;

/** Views the bytes as words where they are aligned, and copies piece by piece where they are not. */
function scan(
  buffer: ArrayBufferLike,
  start: number,
  byteLength: number,
  Words: { new (buffer: ArrayBufferLike, offset: number, length: number): Words; BYTES_PER_ELEMENT: number },
  find: (words: Words) => number,
  elementBytes: number,
): number {
  const size = Words.BYTES_PER_ELEMENT;
  if (start % size === 0) return find(new Words(buffer, start, byteLength / size));
  const piece = new Uint8Array(pieceBytes);
  for (let done = 0; done < byteLength; done += pieceBytes) {
    const length = Math.min(pieceBytes, byteLength - done);
    piece.set(new Uint8Array(buffer, start + done, length));
    const found = find(new Words(piece.buffer, 0, length / size));
    if (found !== -1) return done / elementBytes + found;
  }
  return -1;
}
