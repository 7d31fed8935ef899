import { describe, expect, it } from 'vitest';
import type { LabelledImages } from '../../../examples/digits/network.ts';
import { evaluate, initialModel, trainEpochs } from '../../../examples/digits/trainer.ts';
import type { Tensors } from '../../../src/domain/model.ts';
import { seededRandom } from '../../../src/domain/random.ts';

/** Four pixels; the class is the half that is lit. */
const halves: LabelledImages = {
  pixels: Uint8Array.of(255, 200, 0, 0, 180, 255, 0, 10, 0, 0, 255, 220, 0, 20, 190, 255),
  labels: Uint8Array.of(0, 0, 1, 1),
};
const tinySizes = { inputs: 4, hidden: 4, classes: 2 };

describe('training', () => {
  it('learns to tell which half is lit', async () => {
    const model = initialModel(tinySizes, seededRandom(1));
    const before = evaluate(model, halves);
    const during = await trainEpochs(model, halves, {
      learningRate: 0.5,
      batchSize: 2,
      epochs: 40,
      random: seededRandom(2),
    });
    const after = evaluate(model, halves);
    expect(after.accuracy).toBe(1);
    expect(after.loss).toBeLessThan(0.1);
    expect(after.loss).toBeLessThan(before.loss);
    expect(during.loss).toBeGreaterThan(after.loss);
  });

  it('steps down the slope of the loss, as finite differences have it for every weight', async () => {
    const sizes = { inputs: 6, hidden: 8, classes: 3 };
    const random = seededRandom(3);
    const data: LabelledImages = {
      // Some pixels are 0, which are skipped.
      pixels: Uint8Array.from({ length: 5 * sizes.inputs }, () => Math.max(0, random.below(400) - 145)),
      labels: Uint8Array.of(0, 1, 2, 1, 0),
    };
    const model = inDoublePrecision(initialModel(sizes, random));
    const moved = inDoublePrecision(model);
    // One step over all images, so the change is the learning rate times the slope.
    const learningRate = 1e-3;
    await trainEpochs(moved, data, { learningRate, batchSize: 5, epochs: 1, random });

    let compared = 0;
    const nudge = 1e-5;
    for (const [name, { data: weights }] of Object.entries(model)) {
      for (const [index, weight] of weights.entries()) {
        weights[index] = weight + nudge;
        const above = evaluate(model, data).loss;
        weights[index] = weight - nudge;
        const below = evaluate(model, data).loss;
        weights[index] = weight;
        const slope = (weight - (moved[name]?.data[index] ?? Number.NaN)) / learningRate;
        expect(slope, `${name}[${index}]`).toBeCloseTo((above - below) / (2 * nudge), 7);
        compared += slope === 0 ? 0 : 1;
      }
    }
    expect(compared).toBeGreaterThan(40);
  });

  it('gives the same bits for the same seed, and others for another', async () => {
    const trained = async (seed: number): Promise<Tensors> => {
      const model = initialModel(tinySizes, seededRandom(1));
      await trainEpochs(model, halves, { learningRate: 0.1, batchSize: 3, epochs: 3, random: seededRandom(seed) });
      return model;
    };
    const first = await trained(5);
    expect(await trained(5)).toEqual(first);
    expect(await trained(6)).not.toEqual(first);
  });

  it('stays the nearer to where it began, the larger mu is', async () => {
    const movedBy = async (mu: number): Promise<number> => {
      const model = initialModel(tinySizes, seededRandom(1));
      const before = structuredClone(model);
      await trainEpochs(model, halves, { learningRate: 0.1, batchSize: 2, epochs: 10, mu, random: seededRandom(2) });
      const moves = Object.entries(model).flatMap(([name, { data }]) => {
        return Array.from(data, (value, index) => (value - (before[name]?.data[index] ?? 0)) ** 2);
      });
      return Math.sqrt(moves.reduce((sum, move) => sum + move, 0));
    };
    expect(await movedBy(1)).toBeLessThan(0.9 * (await movedBy(0)));
    expect(await movedBy(5)).toBeLessThan(0.9 * (await movedBy(1)));
  });

  it('does not change the model by testing it', () => {
    const model = initialModel(tinySizes, seededRandom(1));
    const before = structuredClone(model);
    evaluate(model, halves);
    expect(model).toEqual(before);
  });

  it('tests each second image when told so', async () => {
    const model = initialModel(tinySizes, seededRandom(1));
    await trainEpochs(model, halves, { learningRate: 0.5, batchSize: 2, epochs: 40, random: seededRandom(2) });
    const mislabelled = { ...halves, labels: Uint8Array.of(0, 1, 1, 0) };
    expect(evaluate(model, mislabelled).accuracy).toBe(0.5);
    expect(evaluate(model, mislabelled, 2).accuracy).toBe(1);
  });

  it('refuses a model of another kind, and says what it misses', async () => {
    const { 'hidden.bias': bias, ...rest } = initialModel(tinySizes, seededRandom(1));
    const options = { learningRate: 0.1, batchSize: 1, epochs: 1, random: seededRandom(1) };
    expect(bias?.shape).toEqual([4]);
    await expect(trainEpochs(rest, halves, options)).rejects.toThrow('it has no hidden.bias of shape [4]');
    expect(() => evaluate({}, halves)).toThrow('Not a model of this example');
    const wide = initialModel({ ...tinySizes, inputs: 5 }, seededRandom(1));
    expect(() => evaluate(wide, halves)).toThrow('it is for images of 5 pixels');
  });

  it('ends between epochs when it is told to', async () => {
    const model = initialModel(tinySizes, seededRandom(1));
    const stop = new AbortController();
    const training = trainEpochs(model, halves, {
      learningRate: 0.1,
      batchSize: 1,
      epochs: Number.MAX_SAFE_INTEGER,
      random: seededRandom(1),
      signal: stop.signal,
    });
    setTimeout(() => stop.abort(new Error('the round is over')), 5);
    await expect(training).rejects.toThrow('the round is over');
  });
});

function inDoublePrecision(model: Tensors): Tensors {
  const entries = Object.entries(model).map(([name, { shape, data }]) => {
    return [name, { dtype: 'F64' as const, shape, data: Float64Array.from(data) }];
  });
  return Object.fromEntries(entries);
}
