import { elementCount, type ModelSchema } from '../domain/model.ts';
import type { ServerOptimiser } from './strategy.ts';

/**
 * The tensors of an optimiser's state as they are kept in a checkpoint: `momentum/<tensor>` and so on, F64, slot after
 * slot, each in the model's order. So element e of slot s is value `s · elements + e` of the file.
 */
export const stateSchema = (
  { slots }: { slots: readonly { readonly name: string }[] },
  model: ModelSchema,
): ModelSchema =>
  slots.flatMap((slot) => model.map(({ name, shape }) => ({ name: `${slot.name}/${name}`, dtype: 'F64', shape })));

/** The state before the first step: one array for each slot, one value for each parameter. */
export function initialState({ slots }: ServerOptimiser, model: ModelSchema): Float64Array<SharedArrayBuffer>[] {
  const elements = model.reduce((total, { shape }) => total + elementCount(shape), 0);
  return slots.map(({ initial }) =>
    new Float64Array(new SharedArrayBuffer(elements * Float64Array.BYTES_PER_ELEMENT)).fill(initial),
  );
}
