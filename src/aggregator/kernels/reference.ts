import { type Dtype, dtypes } from '../../domain/model.ts';
import { bf16ToFloat32, f16ToFloat32 } from '../../wire/half.ts';
import { bufferOf } from '../shared-memory.ts';
import type { Kernels, Place } from './kernel-types.ts';

/** Elements worked on at a time: small enough to stay in cache, and the bound on what is copied. */
const tileElements = 16_384;

/** The kernels as one would write them down: what the compiled ones are tested against, and used where those cannot be. */
export const referenceKernels: Kernels = {
  fold(dtype, sum, count, updates) {
    const into = new Float64Array(bufferOf(sum.arena), sum.at, count);
    for (const update of updates) {
      const { weight } = update;
      eachTile(dtype, update, count, (values, start) => {
        for (let index = 0; index < values.length; index += 1) {
          into[start + index] = (into[start + index] ?? 0) + weight * (values[index] ?? 0);
        }
      });
    }
  },

  check(dtype, values, count) {
    let sum = 0;
    eachTile(dtype, values, count, (tile) => {
      for (let index = 0; index < tile.length; index += 1) sum += (tile[index] ?? 0) ** 2;
    });
    return Number.isFinite(sum) ? sum : Number.NaN;
  },

  areFinite(dtype, values, count) {
    let areFinite = true;
    eachTile(dtype, values, count, (tile) => {
      areFinite &&= tile.every(Number.isFinite);
    });
    return areFinite;
  },

  divide(sum, count, divisor) {
    const values = new Float64Array(bufferOf(sum.arena), sum.at, count);
    for (let index = 0; index < count; index += 1) values[index] = (values[index] ?? 0) / divisor;
  },

  narrow(sum, count) {
    const wide = new Float64Array(bufferOf(sum.arena), sum.at, count);
    const narrow = new Float32Array(bufferOf(sum.arena), sum.at, count);
    for (let index = 0; index < count; index += 1) narrow[index] = wide[index] ?? 0;
  },
};

/** Calls `visit` with the values, a tile at a time; half precision is widened, odd offsets are copied. */
function eachTile(
  dtype: Dtype,
  { arena, at }: Place,
  count: number,
  visit: (values: Float32Array | Float64Array, start: number) => void,
): void {
  const bytes = bufferOf(arena);
  const size = dtypes[dtype];
  const isAligned = at % size === 0;
  const scratch = new ArrayBuffer(isAligned ? 0 : tileElements * size);
  const widened = new Float32Array(dtype === 'F16' || dtype === 'BF16' ? tileElements : 0);
  for (let start = 0; start < count; start += tileElements) {
    const length = Math.min(tileElements, count - start);
    const from = at + start * size;
    if (!isAligned) new Uint8Array(scratch).set(new Uint8Array(bytes, from, length * size));
    visit(valuesOf(isAligned ? bytes : scratch, isAligned ? from : 0, length, dtype, widened), start);
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
