import { dtypes, type ModelSchema } from '../domain/model.ts';
import type { Arenas } from './arenas.ts';
import { runsOf } from './fold.ts';
import type { FoldPiece, GatheredRows, SumRange } from './fold-task.ts';
import { tileElementsMax, tileScratchBytes } from './kernels/robust.ts';
import { bytesOf, type Span } from './shared-memory.ts';
import { chunksOf, piecesWithin } from './sum-layout.ts';

/** Values that a lane holds of all updates together, as far as a range is not a single tile. */
const laneValuesMax = 2 ** 22;
const rangeElementsMax = 2 ** 17;
/** Between rows, so that the same values of several updates do not fall together in the cache. */
const staggerBytes = 4_160;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;

const granules = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/**
 * The model cut into ranges that are worked on one by one. They follow from the model and the number of updates alone, so
 * that a measurement has the same bits on any number of threads.
 */
export function gatheringRanges(elements: number, updates: number): SumRange[] {
  const tiles = Math.floor(laneValuesMax / Math.max(1, updates) / tileElementsMax);
  const step = Math.min(rangeElementsMax, Math.max(1, tiles) * tileElementsMax);
  return chunksOf(elements).flatMap((chunk) => {
    const ranges: SumRange[] = [];
    for (let from = chunk.from; from < chunk.to; from += step)
      ranges.push({ from, to: Math.min(chunk.to, from + step) });
    return ranges;
  });
}

/** How the values of a range lie in a row: one after another, in the model's order. */
export function rowOf(schema: ModelSchema, range: SumRange): FoldPiece[] {
  const runs = piecesWithin(runsOf(schema, 0), range);
  const start = runs[0]?.byteOffset ?? 0;
  return runs.map((run) => ({ ...run, byteOffset: run.byteOffset - start }));
}

/** Memory for one range at a time: a row for each update, a row for the result, and what the kernels need. All in one arena. */
export class GatheringLane {
  readonly #arenas: Arenas;
  readonly #span: Span;
  readonly #updates: number;
  readonly #rowsAt: number;
  readonly #stride: number;
  /** Where the result of a range goes, float64. */
  readonly into: Span;

  /** @throws {RangeError} the system gives no memory for it. */
  constructor(arenas: Arenas, schema: ModelSchema, ranges: readonly SumRange[], updates: number) {
    const elements = Math.max(1, ...ranges.slice(0, 1).map(({ from, to }) => to - from));
    const size = Math.max(1, ...schema.map(({ dtype }) => dtypes[dtype]));
    const scratchBytes = granules(tileScratchBytes(updates));
    this.#arenas = arenas;
    this.#updates = updates;
    this.#stride = granules(elements * size) + staggerBytes;
    this.#rowsAt = scratchBytes + granules(elements * valueBytes);
    this.#span = arenas.allocate(this.#rowsAt + updates * this.#stride);
    this.into = { ...this.#span, at: this.#span.at + scratchBytes, bytes: elements * valueBytes };
  }

  /** The row of an update, to be filled. */
  row(update: number): Uint8Array<SharedArrayBuffer> {
    return bytesOf(this.#span).subarray(
      this.#rowsAt + update * this.#stride,
      this.#rowsAt + (update + 1) * this.#stride,
    );
  }

  /** @param runs how the values lie in each row */
  rows(runs: FoldPiece[]): GatheredRows {
    const { arena, at } = this.#span;
    const updates = Array.from({ length: this.#updates }, (_, index) => ({
      arena,
      at: at + this.#rowsAt + index * this.#stride,
    }));
    return { runs, updates, scratch: { arena, at } };
  }

  free(): void {
    this.#arenas.free(this.#span);
  }
}
