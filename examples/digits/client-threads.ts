import { Worker } from 'node:worker_threads';
import type { ClientNews, ClientThreadData } from './client.worker.ts';
import { compiledWorker } from './compiled.ts';

/** Clients that were told to stop, and have not so long after, are ended, ms. */
const stopMsMax = 5_000;
/** Different troubles that are told; a trouble is often that of all clients, and told once. */
const troublesMax = 20;

export interface ClientThreadsEvents {
  /** Every client is registered. */
  onRegistered: () => void;
  /** Something went wrong, in one sentence. */
  onTrouble: (text: string) => void;
  /** No client is left, and each ended by a failure. @param error the last one's. */
  onAllFailed: (error: Error) => void;
}

/** The clients, each on a thread of its own. */
export class ClientThreads {
  readonly #threads: Worker[];
  readonly #exits: Promise<void>[];
  readonly #events: ClientThreadsEvents;
  readonly #troubles = new Set<string>();
  readonly #registered = new Set<number>();
  #failed = 0;

  constructor(clients: readonly ClientThreadData[], events: ClientThreadsEvents) {
    this.#events = events;
    this.#threads = clients.map((data) => new Worker(compiledWorker('client.worker'), { workerData: data }));
    this.#exits = this.#threads.map((thread, client) => this.#watch(thread, client));
  }

  /** Lets every client leave, and waits until all threads have ended. */
  async stop(): Promise<void> {
    for (const thread of this.#threads) thread.postMessage('stop');
    const timer = setTimeout(() => {
      for (const thread of this.#threads) void thread.terminate();
    }, stopMsMax);
    await Promise.all(this.#exits);
    clearTimeout(timer);
  }

  #watch(thread: Worker, client: number): Promise<void> {
    thread.on('message', (news: ClientNews) => this.#hear(news, client));
    thread.on('error', (error: Error) => {
      this.#failed += 1;
      this.#tell(`A client gave up: ${error.message}`);
      if (this.#failed === this.#threads.length) this.#events.onAllFailed(error);
    });
    return new Promise((resolve) => thread.once('exit', () => resolve()));
  }

  #hear(news: ClientNews, client: number): void {
    if (news.kind === 'trouble') {
      this.#tell(news.text);
      return;
    }
    this.#registered.add(client);
    if (this.#registered.size === this.#threads.length) this.#events.onRegistered();
  }

  #tell(text: string): void {
    if (this.#troubles.has(text) || this.#troubles.size >= troublesMax) return;
    this.#troubles.add(text);
    this.#events.onTrouble(text);
  }
}
