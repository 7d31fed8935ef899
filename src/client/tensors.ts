import { type Dtype, dtypes, elementCount, type Tensor, type Tensors } from '../domain/model.ts';
import { encodeSafetensors } from '../wire/safetensors.ts';
import { readUpdateMetadata, writeUpdateMetadata } from '../wire/update-metadata.ts';

/** What a client made of a round. */
export interface TrainingResult {
  /** Names, shapes and dtypes as in the model that was handed out; all values finite. */
  tensors: Tensors;
  /** How many examples it was trained on: its weight in the mean. A whole number from 1. */
  numExamples: number;
  /** Finite numbers by name, e.g. `{ loss: 0.3 }`; at most 64. The server reports their weighted means. */
  metrics?: Record<string, number>;
}

/**
 * A tensor from numbers in row-major order.
 * @param shape sizes of its dimensions; a flat list when left out, `[]` for a scalar.
 * @param dtype how it travels. @default 'F64' for a Float64Array, else 'F32'
 * @throws {RangeError} there are more or fewer numbers than the shape says, or a size is no whole number from 0.
 */
export function tensor(
  data: Float32Array | Float64Array | readonly number[],
  shape: readonly number[] = [data.length],
  dtype: Dtype = data instanceof Float64Array ? 'F64' : 'F32',
): Tensor {
  if (!Object.hasOwn(dtypes, dtype))
    throw new RangeError(`There is no dtype ${dtype}; known are ${Object.keys(dtypes).join(', ')}`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new RangeError(`The shape [${shape}] has a size that is no whole number from 0`);
  }
  const count = elementCount(shape);
  if (data.length !== count) throw new RangeError(`There are ${data.length} values; the shape [${shape}] has ${count}`);
  // Half precision is held as float32.
  if (dtype === 'F64') return { dtype, shape, data: data instanceof Float64Array ? data : Float64Array.from(data) };
  return { dtype, shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/**
 * An update as it is uploaded: safetensors with its weight and metrics in `__metadata__`.
 * @throws {ChorusError} NUM_EXAMPLES_INVALID, METRICS_INVALID. @throws {RangeError} a tensor does not fill its shape.
 * @throws {TypeError} it is no update at all.
 */
export function encodeUpdate(result: TrainingResult): Uint8Array<ArrayBuffer> {
  // Callers need not be type-checked.
  if (typeof result?.tensors !== 'object')
    throw new TypeError('train returned no update; return { tensors, numExamples }');
  const { tensors, numExamples, metrics = {} } = result;
  const metadata = writeUpdateMetadata({ numExamples, metrics });
  // The server would refuse it as well; here it costs no upload.
  readUpdateMetadata(metadata, { numExamplesMax: Number.MAX_SAFE_INTEGER });
  return encodeSafetensors(tensors, metadata);
}
