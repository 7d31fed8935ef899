import { canBeShared, prepareFinish, type SharedFinish } from '../aggregator/finish.ts';
import type { Finished, FoldPool, FoldTask, Inspected, Inspector, InspectTask } from '../aggregator/fold-task.ts';
import { inlineFoldPool } from '../aggregator/inline-pool.ts';
import { prepareFold } from '../aggregator/shared-fold.ts';
import type { Refusal } from '../domain/errors.ts';
import { FoldThread } from './fold-thread.ts';

/** What has no more bytes is done at once by whoever asks: it takes less time than to wake a thread for it. */
const smallBytes = 16_384;
/** An upload is looked at again when so much more of it has come, bytes; by a thread that has nothing to do, sooner. */
const advanceBytesMin = 4_194_304;
const idleAdvanceBytesMin = 2_097_152;
/** How long an update may wait for others, ms: added alone it costs as much memory traffic as three of four do together. */
const companyMsMax = 20;

/**
 * The sums on threads of their own, over shared memory. They start with the first client in training: a server that comes
 * up needs none.
 * @param count of the threads, ≥ 1
 */
export function createFoldPool(count: number): FoldPool {
  let threads: FoldThread[] = [];
  let turns = 0;
  let inspections = 0;
  const warm = (): readonly FoldThread[] => {
    if (threads.length === 0) threads = Array.from({ length: count }, () => new FoldThread());
    return threads;
  };
  const next = (): FoldThread => {
    turns += 1;
    return warm()[turns % count] as FoldThread;
  };
  return {
    threads: count,
    companyMsMax,
    warm,
    inspect: (task) => {
      if (isSmallUpload(task)) return inlineFoldPool.inspect(task);
      inspections += 1;
      return startInspector(leastToCheck(warm()), inspections, task);
    },
    fold: (task): Promise<void> => (isSmallFold(task) ? inlineFoldPool.fold(task) : foldOn(warm(), task)),
    finish: (task) => finishOn(next(), threads, prepareFinish(task)),
    deltaNorm: (task): Promise<number> => next().run('deltaNorm', task),
    measure: (task): Promise<Float64Array> => next().run('measureRange', task),
    combine: (task): Promise<void> => next().run('combineRange', task),
    close: async () => {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

const isSmallUpload = ({ expectedBytes }: InspectTask): boolean =>
  expectedBytes !== null && expectedBytes <= smallBytes;

const isSmallFold = ({ sum, updates }: FoldTask): boolean => sum.bytes * (1 + updates.length) <= smallBytes;

const leastToCheck = (threads: readonly FoldThread[]): FoldThread =>
  threads.reduce((least, thread) => (thread.bytesToCheck < least.bytesToCheck ? thread : least));

async function foldOn(threads: readonly FoldThread[], task: FoldTask): Promise<void> {
  const shared = prepareFold(task);
  const ends = threads.map((thread) => thread.run<boolean>('addStretches', shared));
  const last = ends.map(async (end) => {
    if (!(await end)) throw new Error('Another thread does the last stretch');
  });
  try {
    // Not all of them: a thread that is busy with something else comes late, and finds nothing left.
    await Promise.any(last);
  } catch {
    for (const end of await Promise.allSettled(ends)) if (end.status === 'rejected') throw end.reason;
  }
}

/** One thread makes the model and hashes it; the others make parts of it before it comes to them. */
async function finishOn(first: FoldThread, threads: readonly FoldThread[], shared: SharedFinish): Promise<Finished> {
  const others = canBeShared(shared) ? threads.filter((thread) => thread !== first) : [];
  const finished = first.run<Finished>('finishMean', shared);
  const helpers = others.map((thread) => thread.run('makeAhead', shared));
  const helped = Promise.allSettled(helpers);
  try {
    return await finished;
  } catch (error) {
    // When it was made nothing is left for them; else what they work on is not free yet.
    await helped;
    throw error;
  }
}

function startInspector(thread: FoldThread, id: number, task: InspectTask): Inspector {
  let sentBytes = 0;
  let isRunning = false;
  /** Still to be checked, as far as is known. */
  let leftBytes = task.expectedBytes ?? 0;
  thread.bytesToCheck += leftBytes;
  const checkedTo = (bytes: number) => {
    // Not more than before: it may be over while a look at it still goes on.
    const left = Math.min(leftBytes, Math.max(0, (task.expectedBytes ?? 0) - bytes));
    thread.bytesToCheck -= leftBytes - left;
    leftBytes = left;
  };
  return {
    advance(bytes) {
      // A thread that has enough to do gains nothing by looking early: it would only be told more often.
      if (isRunning || thread.tasks > 1) return;
      if (bytes - sentBytes < (thread.tasks === 0 ? idleAdvanceBytesMin : advanceBytesMin)) return;
      isRunning = true;
      thread
        .run('advanceInspection', { id, task: sentBytes === 0 ? task : null, bytes })
        // What failed here fails again, or is made good, when the upload is finished.
        .catch(() => undefined)
        .finally(() => {
          isRunning = false;
          checkedTo(bytes);
        });
      sentBytes = bytes;
    },
    finish: (bytes): Promise<Inspected | Refusal> =>
      thread
        .run<Inspected | Refusal>('finishInspection', { id, task, bytes })
        .finally(() => checkedTo(Number.POSITIVE_INFINITY)),
    abandon() {
      checkedTo(Number.POSITIVE_INFINITY);
      if (sentBytes > 0) thread.run('abandonInspection', id).catch(() => undefined);
    },
  };
}
