import type { Tensors } from '../../src/domain/model.ts';
import type { Plan } from '../../src/domain/plan.ts';
import { type RandomStream, seededRandom } from '../../src/domain/random.ts';
import { type DigitsData, loadDigits } from '../digits/data.ts';
import { layerSizes, readHyperparameters } from '../digits/hyperparameters.ts';
import type { LabelledImages } from '../digits/network.ts';
import { type Split, splitImages, takeImages } from '../digits/split.ts';
import { evaluate, initialModel, trainEpochs } from '../digits/trainer.ts';
import { federate, type Learnt, type Work } from './federation.ts';

export interface DigitsFederation {
  plan: Partial<Plan>;
  seed: number;
  clients: number;
  split: Split;
  imagesPerClient: number;
  /** Changes the images of a client before anything is trained. */
  images?: (client: number, images: LabelledImages) => LabelledImages;
  /** Changes what a client uploads. */
  upload?: (client: number, honest: Tensors, global: Tensors, random: RandomStream) => Tensors;
  /** As in a federation. */
  trainingMs?: (client: number, turn: number) => number;
  /** @returns whether to go on. */
  onVersion: (version: { round: number; atMs: number; accuracy: number }) => boolean;
}

/** Between rounds, each fifth held-out digit does: 2,000. The last model of a run that ends by its rounds is tested on all 10,000. */
const quickEvery = 5;

/** Read once for a thread. */
let digits: Promise<DigitsData> | null = null;

/** The classifier of `examples/digits`, its data, its training and its test. @returns the last accuracy. */
export async function federateDigits(options: DigitsFederation): Promise<number> {
  digits ??= loadDigits();
  const { training, heldOut } = await digits;
  const { plan, seed, clients, split, imagesPerClient, images = (_, own) => own, trainingMs } = options;
  const shards = splitImages(training.labels, { split, clients, imagesPerClient, seed });
  const own = shards.map((shard, client) => images(client, takeImages(training, shard)));
  let last = 0;
  await federate({
    ...{ plan, seed, clients },
    initial: initialModel(layerSizes, seededRandom(seed)),
    train: (work) => trainOnce(options, own[work.client], work),
    ...(trainingMs && { trainingMs }),
    onVersion: ({ round, atMs, model, isLast }) => {
      last = evaluate(model, heldOut, isLast ? 1 : quickEvery).accuracy;
      return options.onVersion({ round, atMs, accuracy: last });
    },
  });
  return last;
}

async function trainOnce(
  { seed, upload }: DigitsFederation,
  images: LabelledImages | undefined,
  { client, turn, model, hyperparameters }: Work,
): Promise<Learnt> {
  if (!images) throw new RangeError(`Client ${client} has no images`);
  const global = upload && structuredClone(model);
  const random = seededRandom(seed ^ (client << 16) ^ (turn * 2_654_435_761));
  await trainEpochs(model, images, { ...readHyperparameters(hyperparameters), random });
  const tensors = global ? upload(client, model, global, random) : model;
  return { tensors, numExamples: images.labels.length };
}
