import { createHash } from 'node:crypto';
import { type Dtype, dtypes } from '../domain/model.ts';
import { float32ToBf16, float32ToF16 } from '../wire/half.ts';
import { safetensorsHeader } from '../wire/safetensors.ts';
import { addWeighted, runsOf } from './fold.ts';
import type { Finished, FinishTask, FoldPiece, SumRange } from './fold-task.ts';
import type { Place } from './kernels/kernel-types.ts';
import { kernelsFor } from './kernels/kernels.ts';
import { Stepping, stateFile } from './optimiser-step.ts';
import { updateInPieces } from './sha256.ts';
import { bufferOf, type Span } from './shared-memory.ts';
import { piecesWithin } from './sum-layout.ts';

/** Values of the model made at a time: they stay in cache until they are checked, written and hashed. */
const tileElements = 32_768;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;
/** How long a tile may take on another thread, ms. */
const tileMsMax = 10_000;

/** What becomes of a tile. */
const tileStates = { free: 0, taken: 1, made: 2, notFinite: 3, failed: 4 } as const;

/** A model that several threads make. */
export interface SharedFinish {
  task: FinishTask;
  /** The file; its head is there. */
  bytes: SharedArrayBuffer;
  headBytes: number;
  /** An Int32 for each tile. */
  states: SharedArrayBuffer;
}

interface Tile {
  range: SumRange;
  span: Span;
}

/** Memory for the model that a task makes; the system gives it when it is written to. */
export function prepareFinish(task: FinishTask): SharedFinish {
  const header = safetensorsHeader(task.schema, task.metadata);
  const dataBytes = runsOf(task.schema, 0).reduce((total, { dtype, count }) => total + count * dtypes[dtype], 0);
  const bytes = new SharedArrayBuffer(header.byteLength + dataBytes);
  new Uint8Array(bytes).set(header);
  const states = new SharedArrayBuffer(tilesOf(task).length * Int32Array.BYTES_PER_ELEMENT);
  return { task, bytes, headBytes: header.byteLength, states };
}

/** Whether other threads can help: an optimiser keeps its state in one. */
export const canBeShared = ({ task: { optimiser }, states }: SharedFinish): boolean =>
  optimiser === null && states.byteLength > Int32Array.BYTES_PER_ELEMENT;

/** Makes tiles from the end on, for a thread that makes and hashes them from the start. @throws what that one hears of, too */
export function makeAhead({ task, bytes, headBytes, states: shared }: SharedFinish): void {
  const states = new Int32Array(shared);
  const runs = runsOf(task.schema, headBytes);
  for (const [index, tile] of [...tilesOf(task).entries()].reverse()) {
    if (Atomics.compareExchange(states, index, tileStates.free, tileStates.taken) !== tileStates.free) return;
    let state: number = tileStates.failed;
    try {
      state = makeTile(task, tile, { bytes, runs, stepping: null }) ? tileStates.made : tileStates.notFinite;
    } finally {
      Atomics.store(states, index, state);
      Atomics.notify(states, index);
    }
  }
}

/**
 * The model `sum / divisor + baseShare · base`, or an optimiser's step, as safetensors in the schema's dtypes; rounded
 * once, from float64 to the dtype (half precision: by way of float32). The sum is consumed.
 * @throws {RangeError} there is no weight, or the result is not finite.
 */
export function finishMean({ task, bytes, headBytes, states: shared }: SharedFinish): Finished {
  const { divisor, schema, base, optimiser, state, metadata } = task;
  if (!(divisor > 0)) throw new RangeError('No weight, so no mean');
  const states = new Int32Array(shared);
  const runs = runsOf(schema, headBytes);
  const stepping = optimiser && base ? new Stepping(optimiser, base, schema) : null;
  const hash = createHash('sha256');
  let hashedTo = 0;
  for (const [index, tile] of tilesOf(task).entries()) {
    const isMine = Atomics.compareExchange(states, index, tileStates.free, tileStates.taken) === tileStates.free;
    const isGood = isMine ? makeTile(task, tile, { bytes, runs, stepping }) : isMadeElsewhere(states, index);
    if (!isGood) {
      throw new RangeError('The next model is not finite: what the updates come to is more than its dtype holds');
    }
    const last = piecesWithin(runs, tile.range).at(-1);
    if (!last) continue;
    const to = last.byteOffset + last.count * dtypes[last.dtype];
    updateInPieces(hash, new Uint8Array(bytes, hashedTo, to - hashedTo));
    hashedTo = to;
  }
  updateInPieces(hash, new Uint8Array(bytes, hashedTo));
  const kept = stepping?.finish(metadata) ?? (state ? stateFile(state, schema, metadata) : null);
  return { bytes, sha256: hash.digest('hex'), state: kept };
}

/** Waits for a tile that another thread has taken. @returns whether its values are finite */
function isMadeElsewhere(states: Int32Array<SharedArrayBuffer>, index: number): boolean {
  Atomics.wait(states, index, tileStates.taken, tileMsMax);
  const state = Atomics.load(states, index);
  if (state === tileStates.made || state === tileStates.notFinite) return state === tileStates.made;
  throw new Error('A thread that made a part of the model was lost');
}

function tilesOf({ chunks }: FinishTask): Tile[] {
  const tiles: Tile[] = [];
  for (const { range, span } of chunks) {
    for (let from = range.from; from < range.to; from += tileElements) {
      const to = Math.min(range.to, from + tileElements);
      const at = span.at + (from - range.from) * valueBytes;
      tiles.push({ range: { from, to }, span: { arena: span.arena, at, bytes: (to - from) * valueBytes } });
    }
  }
  return tiles;
}

/** @returns whether all of its values are finite; only then are they in the file. */
function makeTile(
  { rest, divisor, base, baseShare }: FinishTask,
  { range, span }: Tile,
  { bytes, runs, stepping }: { bytes: SharedArrayBuffer; runs: readonly FoldPiece[]; stepping: Stepping | null },
): boolean {
  if (rest) {
    const updates = rest.updates.map((update) => ({ ...update, pieces: piecesWithin(update.pieces, range) }));
    addWeighted({ sum: span, clear: rest.clear, updates });
  }
  kernelsFor(span.arena).divide(span, range.to - range.from, divisor);
  if (base && baseShare !== 0) {
    const update = { span: base.span, pieces: piecesWithin(base.pieces, range), weight: baseShare };
    addWeighted({ sum: span, clear: false, updates: [update] });
  }
  stepping?.take(range, span);
  return piecesWithin(runs, range).every(({ dtype, byteOffset, count, at }) =>
    writeValues(bytes, byteOffset, dtype, { arena: span.arena, at: span.at + at * valueBytes }, count),
  );
}

/** Copies values of the sum into the file, rounded to the dtype; they are consumed. @returns whether they are finite */
function writeValues(
  bytes: SharedArrayBuffer,
  byteOffset: number,
  dtype: Dtype,
  values: Place,
  count: number,
): boolean {
  const kernels = kernelsFor(values.arena);
  if (dtype !== 'F64') kernels.narrow(values, count);
  if (!kernels.areFinite(dtype === 'F64' ? 'F64' : 'F32', values, count)) return false;
  const into = new Uint8Array(bytes, byteOffset, count * dtypes[dtype]);
  if (dtype === 'F64' || dtype === 'F32') {
    into.set(new Uint8Array(bufferOf(values.arena), values.at, into.byteLength));
    return true;
  }
  const singles = new Float32Array(bufferOf(values.arena), values.at, count);
  const halve = dtype === 'F16' ? float32ToF16 : float32ToBf16;
  const view = new DataView(bytes, byteOffset, into.byteLength);
  for (let index = 0; index < count; index += 1)
    view.setUint16(index * dtypes[dtype], halve(singles[index] ?? 0), true);
  return true;
}
