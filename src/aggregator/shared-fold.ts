import { addWeighted } from './fold.ts';
import type { FoldTask } from './fold-task.ts';
import { piecesWithin, stretchesOf } from './sum-layout.ts';

/** A fold that several threads do together, each taking the next stretch of the sum that nobody has taken. */
export interface SharedFold {
  task: FoldTask;
  /** Two Int32: which stretch is the next, and how many are done. */
  progress: SharedArrayBuffer;
}

const next = 0;
const done = 1;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;

export const prepareFold = (task: FoldTask): SharedFold => ({
  task,
  progress: new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT),
});

/**
 * Takes stretches until none is left; who comes late takes none, and touches no memory but the progress.
 * @returns whether the last one that was not done yet was done here: then all are, and exactly one thread says so.
 */
export function addStretches({ task, progress }: SharedFold): boolean {
  const places = new Int32Array(progress);
  const stretches = stretchesOf(task.sum.bytes / valueBytes);
  let isLast = false;
  for (let stretch = stretches[Atomics.add(places, next, 1)]; stretch; ) {
    const { from, to } = stretch;
    const { arena, at } = task.sum;
    addWeighted({
      sum: { arena, at: at + from * valueBytes, bytes: (to - from) * valueBytes },
      clear: task.clear,
      updates: task.updates.map((update) => ({ ...update, pieces: piecesWithin(update.pieces, { from, to }) })),
    });
    isLast = Atomics.add(places, done, 1) === stretches.length - 1;
    stretch = stretches[Atomics.add(places, next, 1)];
  }
  return isLast;
}
