import { dtypes } from '../domain/model.ts';
import type { CombineTask, GatheredRows, MeasureTask } from './fold-task.ts';
import { combineTile, measuredLength, measureTile, type Tile, tileElementsMax } from './kernels/robust.ts';

/** What a range of the model contributes to a measurement. */
export function measureRange({ measurement, rows }: MeasureTask): Float64Array {
  const into = new Float64Array(measuredLength(measurement, rows.updates.length));
  eachTile(rows, (tile) => measureTile(measurement, tile, into));
  return into;
}

/** The aggregate of a range, float64. */
export function combineRange({ combination, rows, into }: CombineTask): void {
  eachTile(rows, (tile, element) => {
    const at = into.at + element * Float64Array.BYTES_PER_ELEMENT;
    combineTile(combination, tile, { arena: into.arena, at });
  });
}

function eachTile({ runs, updates, scratch }: GatheredRows, act: (tile: Tile, element: number) => void): void {
  for (const { dtype, byteOffset, count, at } of runs) {
    for (let from = 0; from < count; from += tileElementsMax) {
      const offset = byteOffset + from * dtypes[dtype];
      const tile = {
        ...{ dtype, scratch },
        count: Math.min(tileElementsMax, count - from),
        updates: updates.map((row) => ({ arena: row.arena, at: row.at + offset })),
      };
      act(tile, at + from);
    }
  }
}
