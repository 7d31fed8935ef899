/** What is reckoned beside the clients: how good a model is, and how good one would be with all images in one place. */

import { seededRandom } from '../../src/domain/random.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { loadHeldOut } from './data.ts';
import { layerSizes } from './hyperparameters.ts';
import type { LabelledImages } from './network.ts';
import { evaluate, initialModel, type Score, type TrainingOptions, trainEpochs } from './trainer.ts';

/** Loaded once for a thread: digits that no client has. */
let heldOut: Promise<LabelledImages> | null = null;

export interface JudgeTask {
  /** A safetensors file. */
  model: Uint8Array;
  /** 1: on all held-out digits; n: on each nth of them. */
  every: number;
}

export async function judge({ model, every }: JudgeTask): Promise<Score> {
  heldOut ??= loadHeldOut();
  return evaluate(decodeSafetensors(model).tensors, await heldOut, every);
}

export interface CentralTask {
  /** Those of all clients together. */
  images: LabelledImages;
  seed: number;
  learningRate: number;
  batchSize: number;
  epochs: number;
}

/** Trains on all images at once, as nobody could who is not given them, from the clients' own initial weights. */
export async function trainCentrally({ images, seed, ...options }: CentralTask): Promise<Score> {
  const model = initialModel(layerSizes, seededRandom(seed));
  const training: TrainingOptions = { ...options, random: seededRandom(seed + 1) };
  await trainEpochs(model, images, training);
  heldOut ??= loadHeldOut();
  return evaluate(model, await heldOut);
}
