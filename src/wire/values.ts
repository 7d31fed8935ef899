import { type Dtype, dtypes, type Tensor } from '../domain/model.ts';
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from './half.ts';

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Writes a tensor's values as little-endian bytes of its dtype, from `offset` on. */
export function writeValues(file: Uint8Array<ArrayBuffer>, offset: number, { dtype, data }: Tensor): void {
  if (isNative(dtype, data)) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    return;
  }
  const view = new DataView(file.buffer, file.byteOffset);
  const size = dtypes[dtype];
  for (let index = 0; index < data.length; index += 1) writeValue(view, offset + index * size, dtype, data[index] ?? 0);
}

/** Whether the values lie in memory as they are written. */
const isNative = (dtype: Dtype, data: Float32Array | Float64Array): boolean =>
  isLittleEndian &&
  ((dtype === 'F32' && data instanceof Float32Array) || (dtype === 'F64' && data instanceof Float64Array));

function writeValue(view: DataView, offset: number, dtype: Dtype, value: number): void {
  if (dtype === 'F32') view.setFloat32(offset, value, true);
  else if (dtype === 'F64') view.setFloat64(offset, value, true);
  else view.setUint16(offset, dtype === 'F16' ? float32ToF16(value) : float32ToBf16(value), true);
}

/**
 * Reads little-endian bytes as values of a dtype; F16 and BF16 are widened to float32.
 * @param bytes a whole number of elements; copied, since values must be aligned and must not change with their source.
 */
export function readValues(bytes: Uint8Array, dtype: Dtype): Float32Array | Float64Array {
  const raw = new Uint8Array(bytes.byteLength);
  raw.set(bytes);
  if (isLittleEndian && dtype === 'F32') return new Float32Array(raw.buffer);
  if (isLittleEndian && dtype === 'F64') return new Float64Array(raw.buffer);
  const view = new DataView(raw.buffer);
  const count = raw.byteLength / dtypes[dtype];
  if (dtype === 'F64') return Float64Array.from({ length: count }, (_, index) => view.getFloat64(index * 8, true));
  if (dtype === 'F32') return Float32Array.from({ length: count }, (_, index) => view.getFloat32(index * 4, true));
  const widen = dtype === 'F16' ? f16ToFloat32 : bf16ToFloat32;
  return Float32Array.from({ length: count }, (_, index) => widen(view.getUint16(index * 2, true)));
}
