import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { canBeShared, prepareFinish, type SharedFinish } from '../aggregator/finish.ts';
import type { Finished, FoldPool, FoldTask, Inspected, Inspector, InspectTask } from '../aggregator/fold-task.ts';
import { inlineFoldPool } from '../aggregator/inline-pool.ts';
import type { Refusal } from '../domain/errors.ts';
import { compiledWorker } from './compiled.ts';

/** Loads at once, with the first client in training. */
const require = createRequire(import.meta.url);

/** Tasks that may wait; each belongs to an upload that the staging budget has let in, so this is never what is hit first. */
const tasksWaitingMax = 100_000;
/** What has no more bytes is done at once by whoever asks: it takes less time than to wake a thread for it. */
const smallBytes = 16_384;
/** An upload is looked at again when so much more of it has come, bytes. */
const advanceBytesMin = 4_194_304;

/**
 * The sums on threads of their own, over shared memory: one Piscina pool of one thread each, since an upload's hash stays
 * on the thread where it began. They start with the first client in training: a server that comes up needs none.
 * @param threads ≥ 1
 */
export function createFoldPool(threads: number): FoldPool {
  let pools: Piscina[] = [];
  let turns = 0;
  const warm = (): void => {
    if (pools.length === 0) pools = Array.from({ length: threads }, startPool);
  };
  const next = (): Piscina => {
    warm();
    turns += 1;
    return pools[turns % pools.length] as Piscina;
  };
  return {
    threads,
    warm,
    inspect: (task) => (isSmallUpload(task) ? inlineFoldPool.inspect(task) : startInspector(next(), turns, task)),
    fold: (task): Promise<void> =>
      isSmallFold(task) ? inlineFoldPool.fold(task) : next().run(task, { name: 'addWeighted' }),
    finish: (task) => finishOn(next(), pools, prepareFinish(task)),
    deltaNorm: (task): Promise<number> => next().run(task, { name: 'deltaNorm' }),
    measure: (task): Promise<Float64Array> => next().run(task, { name: 'measureRange' }),
    combine: (task): Promise<void> => next().run(task, { name: 'combineRange' }),
    close: async () => {
      await Promise.all(pools.map((pool) => pool.destroy()));
    },
  };
}

const isSmallUpload = ({ expectedBytes }: InspectTask): boolean =>
  expectedBytes !== null && expectedBytes <= smallBytes;

const isSmallFold = ({ sum, updates }: FoldTask): boolean => sum.bytes * (1 + updates.length) <= smallBytes;

function startPool(): Piscina {
  const { Piscina } = require('piscina') as typeof import('piscina');
  return new Piscina({
    filename: fileURLToPath(compiledWorker('fold.worker')),
    minThreads: 1,
    maxThreads: 1,
    maxQueue: tasksWaitingMax,
  });
}

/** One thread makes the model and hashes it; the others make parts of it before it comes to them. */
async function finishOn(first: Piscina, pools: readonly Piscina[], shared: SharedFinish): Promise<Finished> {
  const others = canBeShared(shared) ? pools.filter((pool) => pool !== first) : [];
  const finished = first.run(shared, { name: 'finishMean' });
  const helpers = others.map((pool) => pool.run(shared, { name: 'makeAhead' }));
  const helped = Promise.allSettled(helpers);
  try {
    return await finished;
  } catch (error) {
    // When it was made nothing is left for them; else what they work on is not free yet.
    await helped;
    throw error;
  }
}

function startInspector(pool: Piscina, id: number, task: InspectTask): Inspector {
  let sentBytes = 0;
  let running: Promise<void> | null = null;
  return {
    advance(bytes) {
      if (running || bytes - sentBytes < advanceBytesMin) return;
      // A thread that has enough to do gains nothing by looking early: it would only be told more often.
      if (pool.queueSize > 0) return;
      sentBytes = bytes;
      running = pool
        .run({ id, task, bytes }, { name: 'advanceInspection' })
        // What failed here fails again, or is made good, when the upload is finished.
        .catch(() => undefined)
        .finally(() => {
          running = null;
        });
    },
    finish: (bytes): Promise<Inspected | Refusal> => pool.run({ id, task, bytes }, { name: 'finishInspection' }),
    abandon() {
      if (sentBytes > 0) pool.run(id, { name: 'abandonInspection' }).catch(() => undefined);
    },
  };
}
