import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeUpdate, tensor } from '../../src/client/index.ts';

describe('tensor', () => {
  it('takes a flat list as float32, and keeps the width of typed arrays', () => {
    expect(tensor([1, 2, 3])).toEqual({ dtype: 'F32', shape: [3], data: Float32Array.of(1, 2, 3) });
    expect(tensor(Float64Array.of(0.1)).dtype).toBe('F64');
    expect(tensor([0.1], [], 'F64')).toEqual({ dtype: 'F64', shape: [], data: Float64Array.of(0.1) });
    expect(tensor([1, 2], [2], 'BF16').data).toBeInstanceOf(Float32Array);
  });

  it('does not copy what has the right type', () => {
    const data = Float32Array.of(1, 2);
    expect(tensor(data, [1, 2]).data).toBe(data);
  });

  it('refuses numbers that do not fill the shape, and shapes that are none', () => {
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow('There are 3 values; the shape [2,2] has 4');
    expect(() => tensor([1], [-1])).toThrow(RangeError);
    expect(() => tensor([1, 2], [0.5, 4])).toThrow(RangeError);
    expect(() => tensor([1], [1], 'I8' as 'F32')).toThrow('There is no dtype I8');
  });
});

describe('encodeUpdate', () => {
  it('puts weight and metrics into the file, beside the tensors', () => {
    const { tensors, metadata } = decodeSafetensors(
      encodeUpdate({ tensors: { w: tensor([1.5]) }, numExamples: 12, metrics: { loss: 0.25 } }),
    );
    expect(tensors.w).toEqual(tensor([1.5]));
    expect({ ...metadata }).toEqual({ num_examples: '12', metrics: '{"loss":0.25}' });
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('refuses %s examples before anything is sent', (numExamples) => {
    expect(() => encodeUpdate({ tensors: { w: tensor([1]) }, numExamples })).toThrow(
      expect.objectContaining({ code: 'NUM_EXAMPLES_INVALID' }),
    );
  });

  it('refuses a metric that is no finite number', () => {
    expect(() => encodeUpdate({ tensors: { w: tensor([1]) }, numExamples: 1, metrics: { loss: Number.NaN } })).toThrow(
      expect.objectContaining({ code: 'METRICS_INVALID' }),
    );
  });
});
