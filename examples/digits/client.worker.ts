/** One client: a thread that holds its own images, and takes part in the run over HTTP. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ProgressEvent, participate, type TrainingResult, type TrainingTask } from '../../src/client/index.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { layerSizes, readHyperparameters } from './hyperparameters.ts';
import type { LabelledImages } from './network.ts';
import { initialModel, trainEpochs } from './trainer.ts';

/** What a client's thread is started with. */
export interface ClientThreadData {
  /** The coordinator's. */
  url: string;
  name: string;
  /** This client's number, from 0. */
  client: number;
  /** In shared memory; nobody else's. */
  images: LabelledImages;
  /** All clients of a run have the same. */
  seed: number;
}

/** What a client's thread tells. It is told `stop`, and ends. */
export type ClientNews = { kind: 'registered' } | { kind: 'trouble'; text: string };

const { url, name, client, images, seed } = workerData as ClientThreadData;
const toldToStop = new Error('Told to stop');
const stop = new AbortController();
parentPort?.once('message', () => stop.abort(toldToStop));

async function train(task: TrainingTask): Promise<TrainingResult> {
  try {
    return await trainOnce(task);
  } catch (error) {
    // A plan or a model that is not for this classifier will not be so in the next round either.
    if (error instanceof RangeError) stop.abort(error);
    throw error;
  }
}

async function trainOnce({ tensors, round, hyperparameters, signal }: TrainingTask): Promise<TrainingResult> {
  // Without a model yet, every client starts from the same weights: the mean of different ones would be worth nothing.
  const model = tensors ?? initialModel(layerSizes, seededRandom(seed));
  const random = seededRandom(seed ^ (client << 16) ^ (round * 2_654_435_761));
  const score = await trainEpochs(model, images, { ...readHyperparameters(hyperparameters), random, signal });
  return { tensors: model, numExamples: images.labels.length, metrics: { ...score } };
}

const tell = (news: ClientNews): void => parentPort?.postMessage(news);

function onProgress(event: ProgressEvent): void {
  if (event.type === 'registered') tell({ kind: 'registered' });
  else if (event.type === 'missed') tell({ kind: 'trouble', text: `A client missed a round: ${event.error}` });
  else if (event.type === 'trainFailed') tell({ kind: 'trouble', text: `A client could not train: ${event.error}` });
  else if (event.type === 'refused') tell({ kind: 'trouble', text: `An update was refused: ${event.detail}` });
}

try {
  const attributes = { images: images.labels.length };
  await participate({ url, name, attributes, train, onProgress, signal: stop.signal });
} catch (error) {
  if (error !== toldToStop) throw error;
} finally {
  parentPort?.close();
}
