import { type Dtype, dtypes, elementCount, type ModelSchema } from '../domain/model.ts';
import { float32ToBf16, float32ToF16 } from '../wire/half.ts';
import { safetensorsHeader } from '../wire/safetensors.ts';
import type { Finished, FinishTask, FoldPiece, FoldTask } from './fold-task.ts';
import type { Place, Weighted } from './kernels/kernel-types.ts';
import { fold, kernelsFor } from './kernels/kernels.ts';
import { Stepping, stateFile } from './optimiser-step.ts';
import { sha256Of } from './sha256.ts';
import { bufferOf, bytesOf, type Span } from './shared-memory.ts';
import { piecesWithin } from './sum-layout.ts';

/** Updates added in one pass over the sum: reading and writing the sum is what costs. */
export const foldsAtOnceMax = 4;

/** `sum[i] += Σ weightₖ · updateₖ[i]` in float64, update by update, over every piece. */
export function addWeighted({ sum, clear, updates }: FoldTask): void {
  if (clear) bytesOf(sum).fill(0);
  let batch: FoldTask['updates'] = [];
  for (const update of updates) {
    // Only what is laid out alike can be read side by side.
    const isAlike = batch.length === 0 || laidOutAlike(batch[0]?.pieces ?? [], update.pieces);
    if (!isAlike || batch.length === foldsAtOnceMax) {
      foldBatch(sum, batch);
      batch = [];
    }
    batch.push(update);
  }
  foldBatch(sum, batch);
}

function foldBatch(sum: Span, updates: FoldTask['updates']): void {
  for (const [index, { dtype, count, at }] of (updates[0]?.pieces ?? []).entries()) {
    const sources = updates.map(({ span, pieces, weight }): Weighted => {
      const byteOffset = pieces[index]?.byteOffset ?? 0;
      return { arena: span.arena, at: span.at + byteOffset, weight };
    });
    fold(dtype, { arena: sum.arena, at: sum.at + at * Float64Array.BYTES_PER_ELEMENT }, count, sources);
  }
}

/** Whether two updates' pieces cover the same values; where in their files they lie does not matter. */
const laidOutAlike = (a: readonly FoldPiece[], b: readonly FoldPiece[]): boolean =>
  a.length === b.length &&
  a.every(({ dtype, count, at }, index) => {
    const other = b[index];
    return other?.dtype === dtype && other.count === count && other.at === at;
  });

/**
 * The model `sum / divisor + baseShare · base`, or an optimiser's step, as safetensors in the schema's dtypes; rounded
 * once, from float64 to the dtype (half precision: by way of float32). The sum is consumed.
 * @throws {RangeError} there is no weight, or the result is not finite.
 */
export function finishMean({
  chunks,
  divisor,
  schema,
  base,
  baseShare,
  optimiser,
  state,
  metadata,
}: FinishTask): Finished {
  if (!(divisor > 0)) throw new RangeError('No weight, so no mean');
  const header = safetensorsHeader(schema, metadata);
  const runs = runsOf(schema, header.byteLength);
  const dataBytes = runs.reduce((total, { dtype, count }) => total + count * dtypes[dtype], 0);
  const bytes = new SharedArrayBuffer(header.byteLength + dataBytes);
  new Uint8Array(bytes).set(header);
  const stepping = optimiser && base ? new Stepping(optimiser, base, schema) : null;
  for (const { range, span } of chunks) {
    kernelsFor(span.arena).divide(span, range.to - range.from, divisor);
    if (base && baseShare !== 0) {
      const update = { span: base.span, pieces: piecesWithin(base.pieces, range), weight: baseShare };
      addWeighted({ sum: span, clear: false, updates: [update] });
    }
    stepping?.take(range, span);
    for (const { dtype, byteOffset, count, at } of piecesWithin(runs, range)) {
      const values = { arena: span.arena, at: span.at + at * Float64Array.BYTES_PER_ELEMENT };
      writeValues(bytes, byteOffset, dtype, values, count);
    }
  }
  const kept = stepping?.finish(metadata) ?? (state ? stateFile(state, schema, metadata) : null);
  return { bytes, sha256: sha256Of(new Uint8Array(bytes)), state: kept };
}

/** Where the values of a file in the schema's order lie; neighbouring tensors of one dtype are one run. */
export function runsOf(schema: ModelSchema, dataOffset: number): FoldPiece[] {
  const runs: FoldPiece[] = [];
  let at = 0;
  let byteOffset = dataOffset;
  for (const { dtype, shape } of schema) {
    const count = elementCount(shape);
    const last = runs.at(-1);
    if (last?.dtype === dtype) last.count += count;
    else runs.push({ dtype, byteOffset, count, at });
    at += count;
    byteOffset += count * dtypes[dtype];
  }
  return runs;
}

/** Copies values of the sum into the file, rounded to the dtype; they are consumed. */
function writeValues(bytes: SharedArrayBuffer, byteOffset: number, dtype: Dtype, values: Place, count: number): void {
  const kernels = kernelsFor(values.arena);
  if (dtype !== 'F64') kernels.narrow(values, count);
  if (Number.isNaN(kernels.check(dtype === 'F64' ? 'F64' : 'F32', values, count))) {
    throw new RangeError(
      'The mean is not finite: the base and the mean of the deltas add up to more than the dtype holds',
    );
  }
  const into = new Uint8Array(bytes, byteOffset, count * dtypes[dtype]);
  if (dtype === 'F64' || dtype === 'F32') {
    into.set(new Uint8Array(bufferOf(values.arena), values.at, into.byteLength));
    return;
  }
  const singles = new Float32Array(bufferOf(values.arena), values.at, count);
  const halve = dtype === 'F16' ? float32ToF16 : float32ToBf16;
  const view = new DataView(bytes, byteOffset, into.byteLength);
  for (let index = 0; index < count; index += 1)
    view.setUint16(index * dtypes[dtype], halve(singles[index] ?? 0), true);
}
