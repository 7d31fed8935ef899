import { type Dtype, dtypes } from '../domain/model.ts';
import { bf16ToFloat32, f16ToFloat32 } from '../wire/half.ts';
import type { Laid, SumRange } from './fold-task.ts';
import { bytesOf } from './shared-memory.ts';
import { piecesWithin } from './sum-layout.ts';

/**
 * Values as float64, one after another, whatever their dtypes and wherever they lie in their file.
 * @param range elements of the model. @param into as many values as the range has
 */
export function widen({ span, pieces }: Laid, range: SumRange, into: Float64Array): void {
  const bytes = bytesOf(span);
  for (const { dtype, byteOffset, count, at } of piecesWithin(pieces, range)) {
    // A copy of its own begins at a multiple of 8, as typed arrays want it.
    const { buffer } = bytes.slice(byteOffset, byteOffset + count * dtypes[dtype]);
    widenPiece(dtype, buffer, into.subarray(at, at + count));
  }
}

function widenPiece(dtype: Dtype, buffer: ArrayBufferLike, into: Float64Array): void {
  if (dtype === 'F64') into.set(new Float64Array(buffer));
  else if (dtype === 'F32') into.set(new Float32Array(buffer));
  else {
    const single = dtype === 'F16' ? f16ToFloat32 : bf16ToFloat32;
    new Uint16Array(buffer).forEach((half, index) => {
      into[index] = single(half);
    });
  }
}
