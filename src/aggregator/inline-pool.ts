import { addWeighted, finishMean, inspectUpdate } from './fold.ts';
import type { FoldPool } from './fold-task.ts';

/** The sums in this thread: deterministic, for simulation and tests. */
export const inlineFoldPool: FoldPool = {
  inspect: async (task) => inspectUpdate(task),
  fold: async (task) => addWeighted(task),
  finish: async (task) => finishMean(task),
  close: async () => undefined,
};
