import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Piscina } from 'piscina';
import { EvaluatorUnusable } from '../domain/evaluate.ts';
import type { ModelBlob } from '../domain/model.ts';
import { compiledWorker } from './compiled.ts';

/** How long the module may take to load, ms. */
const loadMsMax = 30_000;

/** What the thread is given with each model. */
export interface EvaluatorTask {
  /** URL of the module. */
  module: string;
  bytes: Uint8Array;
  version: number;
}

/**
 * Runs a module's `evaluate` on a thread of its own, one model at a time: it may take long, crash or hang without harm to
 * the server. A task that is given up ends the thread; the next one starts another. Data that the module has loaded stays
 * loaded as long as its thread lives.
 * @throws {EvaluatorUnusable} the module cannot be loaded in time, or exports no `evaluate`.
 */
export async function startEvaluatorThread(path: string) {
  const module = pathToFileURL(resolve(path)).href;
  const pool = new Piscina({
    filename: fileURLToPath(compiledWorker('evaluator.worker')),
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
  });
  try {
    await pool.run(module, { name: 'load', signal: AbortSignal.timeout(loadMsMax) });
  } catch (error) {
    await pool.destroy();
    const sentence = `The evaluator module ${path} cannot be used: ${messageOf(error)}`;
    throw new EvaluatorUnusable(sentence, { cause: error });
  }
  return {
    evaluate: ({ bytes, info }: ModelBlob, signal: AbortSignal): Promise<unknown> => {
      const task: EvaluatorTask = { module, bytes, version: info.version };
      return pool.run(task, { name: 'evaluate', signal });
    },
    close: () => pool.destroy(),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
