import { elementCount, type ModelSchema } from '../domain/model.ts';
import { strategyOf } from '../strategies/of-plan.ts';
import { stateSchema } from '../strategies/optimiser-state.ts';
import type { ServerOptimiser } from '../strategies/strategy.ts';
import { safetensorsHeader } from '../wire/safetensors.ts';
import type { Laid, MadeFile, StateMade, StepTask, SumRange } from './fold-task.ts';
import { sha256Of } from './sha256.ts';
import { bufferOf, type Span } from './shared-memory.ts';
import { widen } from './widen.ts';

/** Values stepped at a time. */
const tileElements = 8_192;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;

/**
 * Turns a sum that holds the pseudo-gradient into the next model, and the optimiser's state into the next one. It works
 * on a copy of the state: a round that fails changes nothing.
 */
export class Stepping {
  readonly #optimiser: ServerOptimiser;
  readonly #base: Laid;
  readonly #schema: ModelSchema;
  readonly #elements: number;
  /** Slot after slot. */
  readonly #state: Float64Array;

  /** @throws {RangeError} the strategy has no optimiser, or the state is another's. */
  constructor({ choice, state }: StepTask, base: Laid, schema: ModelSchema) {
    const strategy = strategyOf(choice);
    if (strategy.kind !== 'running' || !strategy.optimiser) throw new RangeError(`${choice.name} has no optimiser`);
    this.#optimiser = strategy.optimiser;
    this.#base = base;
    this.#schema = schema;
    this.#elements = schema.reduce((total, { shape }) => total + elementCount(shape), 0);
    const { slots } = strategy.optimiser;
    this.#state = new Float64Array(slots.length * this.#elements);
    if (state) this.#state.set(stateValues(state, this.#state.length, { from: 0, to: this.#state.length }));
    else for (const [slot, { initial }] of slots.entries()) this.#slot(slot, 0, this.#elements).fill(initial);
  }

  /** @param sum the pseudo-gradient in this range; holds the model afterwards */
  take(range: SumRange, sum: Span): void {
    const origin = new Float64Array(tileElements);
    for (let from = range.from; from < range.to; from += tileElements) {
      const to = Math.min(range.to, from + tileElements);
      const delta = new Float64Array(bufferOf(sum.arena), sum.at + (from - range.from) * valueBytes, to - from);
      const base = origin.subarray(0, to - from);
      widen(this.#base, { from, to }, base);
      const state = this.#optimiser.slots.map((_, slot) => this.#slot(slot, from, to));
      this.#optimiser.step({ base, delta, state, next: delta });
    }
  }

  /** The state as a file. @throws {RangeError} it is not finite. */
  finish(metadata: Record<string, string>): MadeFile {
    if (!this.#state.every(Number.isFinite)) throw new RangeError('The state of the optimiser is not finite any more');
    return stateFile({ slots: this.#optimiser.slots, values: this.#state }, this.#schema, metadata);
  }

  #slot(slot: number, from: number, to: number): Float64Array {
    return this.#state.subarray(slot * this.#elements + from, slot * this.#elements + to);
  }
}

/** What a strategy keeps, slot after slot, as a file: F64, `momentum/<tensor>` and so on. */
export function stateFile(
  { slots, values }: StateMade,
  schema: ModelSchema,
  metadata: Record<string, string>,
): MadeFile {
  const header = safetensorsHeader(stateSchema({ slots }, schema), metadata);
  const bytes = new SharedArrayBuffer(header.byteLength + values.byteLength);
  const file = new Uint8Array(bytes);
  file.set(header);
  file.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), header.byteLength);
  return { bytes, sha256: sha256Of(file) };
}

/** Some values of a state's file, which follow its head. @param count of all. @throws {RangeError} it has not as many */
export function stateValues(file: SharedArrayBuffer, count: number, { from, to }: SumRange): Float64Array {
  const headBytes = 8 + Number(new DataView(file).getBigUint64(0, true));
  if (headBytes + count * valueBytes !== file.byteLength)
    throw new RangeError('The state of the optimiser is that of another model');
  const copy = new Float64Array(to - from);
  new Uint8Array(copy.buffer).set(new Uint8Array(file, headBytes + from * valueBytes, copy.byteLength));
  return copy;
}
