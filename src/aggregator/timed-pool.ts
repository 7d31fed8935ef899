import { type Clock, steadyMs } from '../domain/clock.ts';
import type { FoldPool } from './fold-task.ts';

/** How often the pool was asked for arithmetic, and how long that took in all, waiting for a thread included. */
export interface PoolWork {
  tasks: number;
  ms: number;
}

/** The pool, with `work` counting up with each sum, combination and finish that has ended. */
export function timedPool(pool: FoldPool, clock: Clock): { pool: FoldPool; work: Readonly<PoolWork> } {
  const work: PoolWork = { tasks: 0, ms: 0 };
  const timed = async <T>(act: () => Promise<T>): Promise<T> => {
    const beganAtMs = steadyMs(clock);
    try {
      return await act();
    } finally {
      work.tasks += 1;
      work.ms += steadyMs(clock) - beganAtMs;
    }
  };
  return {
    work,
    pool: {
      ...pool,
      fold: (task) => timed(() => pool.fold(task)),
      combine: (task) => timed(() => pool.combine(task)),
      finish: (task) => timed(() => pool.finish(task)),
    },
  };
}
