import { deltaNorm } from './delta-norm.ts';
import { finishMean, prepareFinish } from './finish.ts';
import { addWeighted } from './fold.ts';
import type { FoldPool } from './fold-task.ts';
import { combineRange, measureRange } from './gather.ts';
import { inspectWhole } from './inspection.ts';

/** The sums in this thread: deterministic, for simulation and tests. */
export const inlineFoldPool: FoldPool = {
  threads: 1,
  companyMsMax: 0,
  warm: () => undefined,
  inspect: (task) => ({
    advance: () => undefined,
    finish: async (byteLength) => inspectWhole(task, byteLength),
    abandon: () => undefined,
  }),
  fold: async (task) => addWeighted(task),
  finish: async (task) => finishMean(prepareFinish(task)),
  deltaNorm: async (task) => deltaNorm(task),
  measure: async (task) => measureRange(task),
  combine: async (task) => combineRange(task),
  close: async () => undefined,
};
