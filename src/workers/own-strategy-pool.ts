import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Piscina } from 'piscina';
import type { OwnRunner, OwnStepResult } from '../aggregator/own-work.ts';
import type { OwnStrategyFacts } from '../domain/strategy-choice.ts';
import { StrategyUnusable } from '../strategies/own-strategy.ts';
import { compiledWorker } from './compiled.ts';

/** How long a module may take to load, ms. */
const loadMsMax = 30_000;
/** Heap of a thread, MiB; typed arrays and shared memory lie outside of it. */
const heapMiBMax = 512;
/** A thread that is not needed for so long ends, ms: what its module keeps in memory goes with it. */
const idleMsMax = 60_000;

/**
 * Threads on which strategies of one's own run, and nothing else: one that throws, ends its thread, fills its heap or
 * loops for ever costs its own task, and the next task has another thread.
 * @param threads at most so many, ≥ 1; none is started before it is needed
 */
export function createOwnStrategyPool(threads: number): OwnRunner {
  let pool: Promise<Piscina> | null = null;
  const started = (): Promise<Piscina> => {
    pool ??= startPool(threads);
    return pool;
  };
  return {
    threads,
    step: async (task, signal): Promise<OwnStepResult> => (await started()).run(task, { name: 'step', signal }),
    combine: async (task, signal): Promise<Float64Array> => (await started()).run(task, { name: 'combine', signal }),
    close: async () => (await pool)?.destroy(),
  };
}

/** @param path relative to the current folder, absolute, or a file URL */
const urlOf = (path: string): string => (path.startsWith('file:') ? path : pathToFileURL(resolve(path)).href);

/**
 * Loads a module on a thread of its own, and asks it what it is.
 * @param name as the server was given it. @throws {StrategyUnusable} it cannot be loaded in time, or exports no strategy.
 */
export async function loadOwnStrategy(name: string, path: string): Promise<OwnStrategyFacts> {
  const pool = await startPool(1);
  try {
    const signal = AbortSignal.timeout(loadMsMax);
    return await pool.run(urlOf(path), { name: 'describe', signal });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StrategyUnusable(`The strategy module ${path}, named "${name}", cannot be used: ${why}`, {
      cause: error,
    });
  } finally {
    await pool.destroy();
  }
}

/** Most servers are given no such strategy, and start the sooner without what threads are run with. */
async function startPool(threads: number): Promise<Piscina> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({
    filename: fileURLToPath(compiledWorker('own-strategy.worker')),
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: idleMsMax,
    resourceLimits: { maxOldGenerationSizeMb: heapMiBMax },
  });
  // A thread that fails between two tasks has cost none.
  pool.on('error', () => undefined);
  return pool;
}
