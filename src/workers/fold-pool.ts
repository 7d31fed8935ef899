import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { FoldPool, Inspected } from '../aggregator/fold-task.ts';
import type { Refusal } from '../domain/errors.ts';
import { compiledWorker } from './compiled.ts';

/** Tasks that may wait; each holds an upload that the staging budget has let in, so this is never what is hit first. */
const tasksWaitingMax = 10_000;

/** The sums on threads of their own, over shared memory. @param threads ≥ 1 */
export function createFoldPool(threads: number): FoldPool {
  const pool = new Piscina({
    filename: fileURLToPath(compiledWorker('fold.worker')),
    minThreads: 1,
    maxThreads: threads,
    maxQueue: tasksWaitingMax,
    idleTimeout: 60_000,
  });
  return {
    inspect: (task): Promise<Inspected | Refusal> => pool.run(task, { name: 'inspectUpdate' }),
    fold: (task): Promise<void> => pool.run(task, { name: 'addWeighted' }),
    finish: (task): Promise<{ bytes: SharedArrayBuffer; sha256: string }> => pool.run(task, { name: 'finishMean' }),
    close: () => pool.destroy(),
  };
}
