import { proximalGradient } from '../../src/client/index.ts';
import type { Tensors } from '../../src/domain/model.ts';
import type { RandomStream } from '../../src/domain/random.ts';
import { shuffle } from '../digits/trainer.ts';
import { featureCount, type Pupils } from './school-data.ts';

export interface RegressionOptions {
  learningRate: number;
  /** Passes over the pupils. */
  epochs: number;
  /** FedProx: how strongly the weights are held near those they begin with. */
  mu: number;
  random: RandomStream;
}

const rowsPerStep = 10;

export const zeroModel = (): Tensors => ({
  weight: { dtype: 'F64', shape: [featureCount], data: new Float64Array(featureCount) },
});

/** @throws {RangeError} the model is not for pupils. */
function weightsOf(model: Tensors): Float64Array {
  const data = model.weight?.data;
  if (data instanceof Float64Array && data.length === featureCount) return data;
  throw new RangeError('Not a model of this experiment');
}

function predict(weights: Float64Array, { features }: Pupils, row: number): number {
  let sum = 0;
  for (let index = 0; index < featureCount; index += 1) {
    sum += (weights[index] ?? 0) * (features[row * featureCount + index] ?? 0);
  }
  return sum;
}

/** Linear regression by minibatch SGD on half the squared error, in place. */
export function trainRegression(model: Tensors, pupils: Pupils, options: RegressionOptions): void {
  const { learningRate, epochs, mu, random } = options;
  const weights = weightsOf(model);
  const global = weights.slice();
  const order = Uint32Array.from(pupils.scores.keys());
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    shuffle(order, random);
    for (let start = 0; start < order.length; start += rowsPerStep) {
      const gradient = slope(weights, pupils, order.subarray(start, start + rowsPerStep));
      proximalGradient(gradient, weights, global, mu);
      for (let index = 0; index < featureCount; index += 1) {
        weights[index] = (weights[index] ?? 0) - learningRate * (gradient[index] ?? 0);
      }
    }
  }
}

function slope(weights: Float64Array, pupils: Pupils, rows: Uint32Array): Float64Array {
  const gradient = new Float64Array(featureCount);
  for (const row of rows) {
    const error = predict(weights, pupils, row) - (pupils.scores[row] ?? 0);
    for (let index = 0; index < featureCount; index += 1) {
      gradient[index] =
        (gradient[index] ?? 0) + (error * (pupils.features[row * featureCount + index] ?? 0)) / rows.length;
    }
  }
  return gradient;
}

/** Σ of squared errors over these pupils. */
export function squaredError(model: Tensors, pupils: Pupils): number {
  const weights = weightsOf(model);
  return pupils.scores.reduce((sum, score, row) => sum + (predict(weights, pupils, row) - score) ** 2, 0);
}
