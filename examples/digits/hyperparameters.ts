import { digitsCount, imagePixels } from './data.ts';
import type { LayerSizes } from './trainer.ts';

/** The classifier: 25,450 weights. */
export const layerSizes: LayerSizes = { inputs: imagePixels, hidden: 32, classes: digitsCount };

/** How a client trains; a plan may set each by its name, and what it leaves out is as here. */
export const defaultHyperparameters = {
  learningRate: 0.25,
  /** Images averaged for one step. */
  batchSize: 10,
  /** Passes over a client's own images in one round. */
  epochs: 1,
  /** FedProx: how strongly the weights are held near the global model's. */
  mu: 0,
};
export type Hyperparameters = typeof defaultHyperparameters;

const bounds: Record<keyof Hyperparameters, (value: number) => boolean> = {
  learningRate: (value) => value > 0 && value <= 10,
  batchSize: (value) => Number.isInteger(value) && value >= 1 && value <= 1_000,
  epochs: (value) => Number.isInteger(value) && value >= 1 && value <= 1_000,
  mu: (value) => value >= 0 && value <= 1_000,
};

/** @param given the plan's; names that mean nothing here are left aside. @throws {RangeError} one is out of bounds. */
export function readHyperparameters(given: Readonly<Record<string, unknown>>): Hyperparameters {
  const read = { ...defaultHyperparameters };
  for (const name of Object.keys(bounds) as (keyof Hyperparameters)[]) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== 'number' || !bounds[name](value)) {
      throw new RangeError(
        `The plan's hyperparameter ${name} is ${JSON.stringify(value)}, which cannot be trained with`,
      );
    }
    read[name] = value;
  }
  return read;
}
