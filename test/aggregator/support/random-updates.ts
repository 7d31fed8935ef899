import type { Dtype, Tensors } from '../../../src/domain/model.ts';
import type { RandomStream } from '../../../src/domain/random.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';

/** One tensor of each dtype, of odd sizes. */
const shapes: Record<string, { dtype: Dtype; shape: readonly number[] }> = {
  single: { dtype: 'F32', shape: [37, 11] },
  double: { dtype: 'F64', shape: [129] },
  half: { dtype: 'F16', shape: [5, 7, 3] },
  brain: { dtype: 'BF16', shape: [250] },
  scalar: { dtype: 'F32', shape: [] },
};

/** Values of all 53 bits, and of sizes so different that their sum depends on the order of summing. */
function valueFrom(random: RandomStream, dtype: Dtype): number {
  const size = dtype === 'F16' ? 6 : 30;
  return ((random.uint32() + random.uint32() / 2 ** 32) / 2 ** 31 - 1) * 2 ** (random.below(2 * size + 1) - size);
}

/** @param numExamples 0 is legal where it is allowed. The tensors' order in the file is random, too. */
export function randomUpdate(random: RandomStream, numExamples: number): Uint8Array {
  const names = Object.keys(shapes).sort(() => random.below(3) - 1);
  const tensors: Tensors = {};
  for (const name of names) {
    const { dtype, shape } = shapes[name] ?? { dtype: 'F32', shape: [] };
    const count = shape.reduce((product, size) => product * size, 1);
    const data = dtype === 'F64' ? new Float64Array(count) : new Float32Array(count);
    tensors[name] = { dtype, shape, data: data.map(() => valueFrom(random, dtype)) };
  }
  return encodeSafetensors(tensors, { num_examples: String(numExamples) });
}
