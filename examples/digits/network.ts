import type { Tensor, Tensors } from '../../src/domain/model.ts';

/** Images with their classes: row after row of `pixels`, each 0 to 255, and one class for each image. */
export interface LabelledImages {
  pixels: Uint8Array;
  labels: Uint8Array;
}

/** What the network made of one image. */
export interface Pass {
  /** Pixels that are not 0: about a fifth of a handwritten digit, so the others are skipped throughout. */
  lit: Uint16Array;
  litCount: number;
  /** Their brightness, 0 to 1. */
  light: Float64Array;
  hidden: Float64Array;
  hiddenSlope: Float64Array;
  /** Probability of each class, by the end of `see`; its slope, by the end of `learn`. */
  output: Float64Array;
}

/** What came of one image: whether its class was told right, and the cross-entropy in nats. */
export interface Outcome {
  right: boolean;
  loss: number;
}

/**
 * A classifier over a model's tensors: one hidden layer (ReLU), then softmax. The hidden units are worked through four at
 * a time, which takes a third off the time: a processor adds to four sums while it would wait for one.
 */
export class Network {
  readonly #data: LabelledImages;
  readonly #inputs: number;
  readonly #hiddenWeight: Tensor['data'];
  readonly #hiddenBias: Tensor['data'];
  readonly #outputWeight: Tensor['data'];
  readonly #outputBias: Tensor['data'];

  /** @throws {RangeError} the model has other tensors, or is not for such images. */
  constructor(model: Tensors, data: LabelledImages) {
    const [hidden = 0, inputs = 0] = model['hidden.weight']?.shape ?? [];
    const [classes = 0] = model['output.bias']?.shape ?? [];
    this.#data = data;
    this.#inputs = inputs;
    this.#hiddenWeight = valuesOf(model, 'hidden.weight', [hidden, inputs]);
    this.#hiddenBias = valuesOf(model, 'hidden.bias', [hidden]);
    this.#outputWeight = valuesOf(model, 'output.weight', [classes, hidden]);
    this.#outputBias = valuesOf(model, 'output.bias', [classes]);
    if (hidden % 4 !== 0) throw stranger(`${hidden} hidden units are no multiple of 4`);
    if (data.pixels.length !== data.labels.length * inputs) throw stranger(`it is for images of ${inputs} pixels`);
    if (data.labels.some((label) => label >= classes)) throw stranger(`it knows ${classes} classes only`);
  }

  newPass(): Pass {
    return {
      lit: new Uint16Array(this.#inputs),
      litCount: 0,
      light: new Float64Array(this.#inputs),
      hidden: new Float64Array(this.#hiddenBias.length),
      hiddenSlope: new Float64Array(this.#hiddenBias.length),
      output: new Float64Array(this.#outputBias.length),
    };
  }

  /** Forward: what the image is taken for. */
  see(pass: Pass, image: number): Outcome {
    const { pixels, labels } = this.#data;
    const inputs = this.#inputs;
    const { lit, light, hidden, output } = pass;
    let litCount = 0;
    for (let pixel = 0, at = image * inputs; pixel < inputs; pixel += 1, at += 1) {
      const value = pixels[at] as number;
      if (value === 0) continue;
      lit[litCount] = pixel;
      light[litCount] = value / 255;
      litCount += 1;
    }
    pass.litCount = litCount;
    this.#sumHidden(pass);
    let best = 0;
    for (let digit = 0; digit < output.length; digit += 1) {
      let sum = this.#outputBias[digit] as number;
      const row = digit * hidden.length;
      for (let unit = 0; unit < hidden.length; unit += 1) {
        sum += (this.#outputWeight[row + unit] as number) * (hidden[unit] as number);
      }
      output[digit] = sum;
      if (sum > (output[best] as number)) best = digit;
    }
    softmax(output);
    const label = labels[image] as number;
    return { right: best === label, loss: -Math.log(Math.max(output[label] as number, Number.MIN_VALUE)) };
  }

  /** Forward and backward: the slopes of the loss, kept in `pass`. The weights stay. */
  learn(pass: Pass, image: number): Outcome {
    const outcome = this.see(pass, image);
    const { hidden, hiddenSlope, output } = pass;
    const weight = this.#outputWeight;
    const label = this.#data.labels[image] as number;
    output[label] = (output[label] as number) - 1;
    hiddenSlope.fill(0);
    for (let digit = 0, row = 0; digit < output.length; digit += 1, row += hidden.length) {
      const slope = output[digit] as number;
      for (let unit = 0; unit < hidden.length; unit += 1) {
        if (hidden[unit] !== 0) (hiddenSlope[unit] as number) += (weight[row + unit] as number) * slope;
      }
    }
    return outcome;
  }

  /** Moves every weight down its slope, `rate` times its steepness. */
  move(pass: Pass, rate: number): void {
    const { hidden, output } = pass;
    for (let digit = 0; digit < output.length; digit += 1) {
      const step = rate * (output[digit] as number);
      (this.#outputBias[digit] as number) -= step;
      const row = digit * hidden.length;
      for (let unit = 0; unit < hidden.length; unit += 1) {
        (this.#outputWeight[row + unit] as number) -= step * (hidden[unit] as number);
      }
    }
    this.#moveHidden(pass, rate);
  }

  #sumHidden({ lit, litCount, light, hidden }: Pass): void {
    const inputs = this.#inputs;
    const weight = this.#hiddenWeight;
    const bias = this.#hiddenBias;
    for (let unit = 0; unit < hidden.length; unit += 4) {
      const row0 = unit * inputs;
      const row1 = row0 + inputs;
      const row2 = row1 + inputs;
      const row3 = row2 + inputs;
      let sum0 = bias[unit] as number;
      let sum1 = bias[unit + 1] as number;
      let sum2 = bias[unit + 2] as number;
      let sum3 = bias[unit + 3] as number;
      for (let k = 0; k < litCount; k += 1) {
        const pixel = lit[k] as number;
        const value = light[k] as number;
        sum0 += (weight[row0 + pixel] as number) * value;
        sum1 += (weight[row1 + pixel] as number) * value;
        sum2 += (weight[row2 + pixel] as number) * value;
        sum3 += (weight[row3 + pixel] as number) * value;
      }
      hidden[unit] = Math.max(0, sum0);
      hidden[unit + 1] = Math.max(0, sum1);
      hidden[unit + 2] = Math.max(0, sum2);
      hidden[unit + 3] = Math.max(0, sum3);
    }
  }

  #moveHidden({ lit, litCount, light, hiddenSlope }: Pass, rate: number): void {
    const inputs = this.#inputs;
    const weight = this.#hiddenWeight;
    const bias = this.#hiddenBias;
    for (let unit = 0; unit < hiddenSlope.length; unit += 4) {
      const row0 = unit * inputs;
      const row1 = row0 + inputs;
      const row2 = row1 + inputs;
      const row3 = row2 + inputs;
      const step0 = rate * (hiddenSlope[unit] as number);
      const step1 = rate * (hiddenSlope[unit + 1] as number);
      const step2 = rate * (hiddenSlope[unit + 2] as number);
      const step3 = rate * (hiddenSlope[unit + 3] as number);
      (bias[unit] as number) -= step0;
      (bias[unit + 1] as number) -= step1;
      (bias[unit + 2] as number) -= step2;
      (bias[unit + 3] as number) -= step3;
      for (let k = 0; k < litCount; k += 1) {
        const pixel = lit[k] as number;
        const value = light[k] as number;
        (weight[row0 + pixel] as number) -= step0 * value;
        (weight[row1 + pixel] as number) -= step1 * value;
        (weight[row2 + pixel] as number) -= step2 * value;
        (weight[row3 + pixel] as number) -= step3 * value;
      }
    }
  }
}

const stranger = (reason: string) => new RangeError(`Not a model of this example: ${reason}`);

function valuesOf(model: Tensors, name: string, shape: readonly number[]): Tensor['data'] {
  const tensor = model[name];
  const isOfShape = tensor !== undefined && tensor.shape.join() === shape.join() && !shape.includes(0);
  if (!isOfShape) throw stranger(`it has no ${name} of shape [${shape.join(', ')}]`);
  return tensor.data;
}

/** In place; shifted by the largest, so that nothing overflows. */
function softmax(values: Float64Array): void {
  const largest = Math.max(...values);
  let sum = 0;
  for (let index = 0; index < values.length; index += 1) {
    const power = Math.exp((values[index] as number) - largest);
    values[index] = power;
    sum += power;
  }
  for (let index = 0; index < values.length; index += 1) (values[index] as number) /= sum;
}
