import { createRequire } from 'node:module';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { compiledWorker } from './compiled.ts';

/** Loads at once, with the first client in training. */
const require = createRequire(import.meta.url);

/** Tasks that may wait; each belongs to an upload that the staging budget has let in, so this is never what is hit first. */
const tasksWaitingMax = 100_000;
/** How long a thread that is to end is waited for until it has come up, ms. */
const comingUpMsMax = 2_000;

/** One thread that sums: a Piscina pool of one, since an upload's hash stays on the thread where it began. */
export class FoldThread {
  /** Bytes of uploads that are, or will be, checked here. */
  bytesToCheck = 0;
  readonly #pool: Piscina;
  #tasks = 0;

  constructor() {
    const { Piscina } = require('piscina') as typeof import('piscina');
    this.#pool = new Piscina({
      filename: fileURLToPath(compiledWorker('fold.worker')),
      minThreads: 1,
      maxThreads: 1,
      maxQueue: tasksWaitingMax,
    });
  }

  /** Tasks that run or wait. */
  get tasks(): number {
    return this.#tasks;
  }

  /** @param name of the function, in `fold.worker.ts` */
  async run<Result>(name: string, task: unknown): Promise<Result> {
    this.#tasks += 1;
    try {
      return (await this.#pool.run(task, { name })) as Result;
    } finally {
      this.#tasks -= 1;
    }
  }

  /** Node 20 aborts the whole process when a thread is ended that still loads its modules, so it may come up first. */
  async close(): Promise<void> {
    const isUp = new AbortController();
    const tooLong = after(comingUpMsMax, null, { signal: isUp.signal });
    await Promise.race([this.run('cameUp', null), tooLong]).catch(() => undefined);
    isUp.abort();
    tooLong.catch(() => undefined);
    await this.#pool.destroy();
  }
}
