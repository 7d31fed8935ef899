import { setImmediate as nextTurn } from 'node:timers/promises';
import { proximalGradient } from '../../src/client/index.ts';
import type { Tensor, Tensors } from '../../src/domain/model.ts';
import type { RandomStream } from '../../src/domain/random.ts';
import { type LabelledImages, Network, type Outcome } from './network.ts';

/** Share of images told right, 0 to 1, and mean cross-entropy in nats. */
export interface Score {
  accuracy: number;
  loss: number;
}

export interface LayerSizes {
  /** Pixels of an image. */
  inputs: number;
  hidden: number;
  classes: number;
}

export interface TrainingOptions {
  learningRate: number;
  /** Images averaged for one step, ≥ 1. */
  batchSize: number;
  /** Passes over the images, ≥ 1. */
  epochs: number;
  /** FedProx: weight of the term that holds the model near the weights it begins with. @default 0: there is none */
  mu?: number;
  /** Decides the order of the images. */
  random: RandomStream;
  /** Looked at between epochs. */
  signal?: AbortSignal;
}

/** Random weights (He et al. 2015: uniform, bounded by √(6 / inputs of the layer)), and biases of 0. */
export function initialModel({ inputs, hidden, classes }: LayerSizes, random: RandomStream): Tensors {
  const layer = (outputs: number, fanIn: number): Tensor => {
    const bound = Math.sqrt(6 / fanIn);
    const data = Float32Array.from({ length: outputs * fanIn }, () => (random.uint32() / 2 ** 31 - 1) * bound);
    return { dtype: 'F32', shape: [outputs, fanIn], data };
  };
  const zeros = (size: number): Tensor => ({ dtype: 'F32', shape: [size], data: new Float32Array(size) });
  return {
    'hidden.weight': layer(hidden, inputs),
    'hidden.bias': zeros(hidden),
    'output.weight': layer(classes, hidden),
    'output.bias': zeros(classes),
  };
}

/**
 * Trains the model in place, by minibatch SGD on the cross-entropy; the same seed gives the same bits. The thread is
 * given up for a moment after each epoch.
 * @returns the score over the last epoch's images, each taken just before the model learned from it.
 * @throws {RangeError} the model is not for such images. @throws the signal's reason, once it is aborted.
 */
export async function trainEpochs(model: Tensors, data: LabelledImages, options: TrainingOptions): Promise<Score> {
  const { learningRate, batchSize, epochs, mu = 0, random, signal } = options;
  const network = new Network(model, data);
  const passes = Array.from({ length: batchSize }, () => network.newPass());
  const order = Uint32Array.from(data.labels.keys());
  const pullBack = mu > 0 ? pullTowards(structuredClone(model), mu * learningRate) : () => undefined;
  let score: Score = { accuracy: 0, loss: 0 };
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    signal?.throwIfAborted();
    shuffle(order, random);
    const tally = new Tally();
    for (let start = 0; start < order.length; start += batchSize) {
      // All slopes of a step are taken at the same weights: first every image is seen, then the weights move.
      const batch = passes.slice(0, order.length - start);
      for (const [slot, pass] of batch.entries()) tally.add(network.learn(pass, order[start + slot] ?? 0));
      for (const pass of batch) network.move(pass, learningRate / batch.length);
      pullBack(model);
    }
    score = tally.score();
    await nextTurn();
  }
  return score;
}

/** One step of `share` of the way back to `anchor`, tensor by tensor. */
function pullTowards(anchor: Tensors, share: number): (model: Tensors) => void {
  return (model) => {
    for (const [name, { data }] of Object.entries(model)) {
      const back = new Float64Array(data.length);
      proximalGradient(back, data, anchor[name]?.data ?? data, share);
      for (let index = 0; index < data.length; index += 1) (data[index] as number) -= back[index] as number;
    }
  };
}

/** @param every looks at each such image only, from the first. @throws {RangeError} the model is not for such images. */
export function evaluate(model: Tensors, data: LabelledImages, every = 1): Score {
  const network = new Network(model, data);
  const pass = network.newPass();
  const tally = new Tally();
  for (let image = 0; image < data.labels.length; image += every) tally.add(network.see(pass, image));
  return tally.score();
}

/** Fisher and Yates. */
export function shuffle(order: Uint32Array, random: RandomStream): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    const kept = order[last] as number;
    order[last] = order[other] as number;
    order[other] = kept;
  }
}

class Tally {
  #images = 0;
  #right = 0;
  #loss = 0;

  add({ right, loss }: Outcome): void {
    this.#images += 1;
    if (right) this.#right += 1;
    this.#loss += loss;
  }

  score(): Score {
    const images = Math.max(1, this.#images);
    return { accuracy: this.#right / images, loss: this.#loss / images };
  }
}
