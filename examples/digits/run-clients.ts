import { setTimeout as sleep } from 'node:timers/promises';
import { ChorusClient, type Status } from '../../src/client/index.ts';
import type { ClientThreadData } from './client.worker.ts';
import { ClientThreads } from './client-threads.ts';
import { loadDigits } from './data.ts';
import { followRun, isOver } from './follow-run.ts';
import { Judges } from './judges.ts';
import type { LabelledImages } from './network.ts';
import { closingLine, openingLine } from './progress-lines.ts';
import { type Split, splitImages, takeImages } from './split.ts';
import { WaitingNotes } from './waiting-notes.ts';
import { watchModels } from './watch-models.ts';

export interface DigitsOptions {
  /** The coordinator's. */
  url: string;
  /** 1 to {@link clientsMax}: each is a thread. */
  clients: number;
  split: Split;
  /** Decides the split, the first weights, and the order of the images. A whole number. */
  seed: number;
  /** Most images a client gets. @default 600 */
  imagesPerClient?: number;
  /** Told of the progress, line by line. */
  report: (line: string) => void;
  /** Lets the clients leave. */
  signal: AbortSignal;
}

export interface DigitsResult {
  /** Of the last committed model, on the held-out digits; 0 to 1. */
  accuracy: number;
  /** Committed by the run. */
  rounds: number;
  clients: number;
  /** From start to end, data and baseline included. */
  seconds: number;
  /** Of the same classifier, trained on the images of all clients in one place. */
  centralizedAccuracy: number;
}

export const clientsMax = 100;

/** The server is asked so often whether a run was started, ms. */
const runPollMs = 1_000;

/**
 * Starts the clients, each on a thread of its own, follows their run to its end, and tests every committed model on
 * digits that no client has.
 * @throws {Error} the server cannot be reached or its run is over already, the data is missing, or every client failed.
 * @throws the signal's reason, after the clients have left.
 */
export async function runDigitsClients(options: DigitsOptions): Promise<DigitsResult> {
  const { clients, split, seed, report } = options;
  const startedAtMs = performance.now();
  const url = options.url.replace(/\/+$/, '');
  if (!(Number.isInteger(clients) && clients >= 1 && clients <= clientsMax)) {
    throw new RangeError(`There cannot be ${clients} clients; each is a thread, so give 1 to ${clientsMax}`);
  }
  const server = new ChorusClient({ url });
  const { run, roundsTotal: rounds } = await openRun(server, options);
  const { all, threads } = await dealDigits({ ...options, url });
  report(openingLine({ clients, split, images: all.labels.length }));

  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const notes = new WaitingNotes(server, report, signal);
  const judges = new Judges();
  const central = judges.trainCentrally({ images: all, seed, rounds });
  const clientThreads = new ClientThreads(threads, {
    onRegistered: () => void notes.checkPopulation(clients),
    onTrouble: report,
    onAllFailed: (error) => failed.abort(new Error(`Every client gave up, the last one so: ${error.message}`)),
  });
  try {
    const news = followRun({ url, client: server, run, signal });
    const federated = await watchModels(news, { url, rounds, judges, notes, report, signal });
    const baseline = await central;
    const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10;
    report(closingLine({ federated, baseline, seconds }));
    return { ...federated, clients, seconds, centralizedAccuracy: baseline.accuracy };
  } finally {
    notes.stop();
    await Promise.all([clientThreads.stop(), judges.close()]);
  }
}

/** What each client's thread is started with; and the images of all of them, for the baseline. */
async function dealDigits(options: DigitsOptions): Promise<{ all: LabelledImages; threads: ClientThreadData[] }> {
  const { url, clients, split, seed, imagesPerClient = 600 } = options;
  const { training } = await loadDigits();
  const shards = splitImages(training.labels, { split, clients, imagesPerClient, seed });
  const threads = shards.map((shard, client) => {
    return { url, name: `digits-${client + 1}`, client, images: takeImages(training, shard), seed };
  });
  return { all: takeImages(training, Uint32Array.from(shards.flatMap((shard) => [...shard]))), threads };
}

/** Waits until the server has a run that can be joined. @throws {Error} it is over, or there is no server. */
async function openRun(server: ChorusClient, { report, signal }: DigitsOptions): Promise<Status & { run: string }> {
  for (let asked = 0; ; asked += 1) {
    const status = await server.status({ signal }).catch((error: Error) => {
      signal.throwIfAborted();
      throw new Error(`There is no server to take part with; start one with npm start. ${error.message}`);
    });
    if (isOver(status.runState)) throw new Error(`${status.waitingFor.summary} Then start this again.`);
    const { run } = status;
    if (run !== null) return { ...status, run };
    if (asked === 0) report(`Waiting: ${status.waitingFor.summary}`);
    await sleep(runPollMs, undefined, { signal });
  }
}
