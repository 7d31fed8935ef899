import { expect, it } from 'vitest';
import { defaultHyperparameters, readHyperparameters } from '../../../examples/digits/hyperparameters.ts';

it('takes from the plan what it gives, and the defaults for the rest', () => {
  expect(readHyperparameters({})).toEqual(defaultHyperparameters);
  expect(readHyperparameters({ epochs: 3, momentum: 0.9 })).toEqual({ ...defaultHyperparameters, epochs: 3 });
});

it.each([
  ['learningRate', 0],
  ['learningRate', '0.1'],
  ['learningRate', Number.NaN],
  ['batchSize', 1.5],
  ['batchSize', 0],
  ['epochs', 1_001],
])('refuses to train with %s = %j', (name, value) => {
  expect(() => readHyperparameters({ [name]: value })).toThrow(`hyperparameter ${name} is`);
});
