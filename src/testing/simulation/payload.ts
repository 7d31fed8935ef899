import type { Tensors } from '../../domain/model.ts';
import { encodeSafetensors } from '../../wire/safetensors.ts';
import { writeUpdateMetadata } from '../../wire/update-metadata.ts';
import type { Chance } from './chance.ts';
import type { World } from './world.ts';

/** What a simulated client makes of a round. */
export interface SimulatedUpdate {
  tensors: Tensors;
  /** @default 1 */
  numExamples?: number;
  metrics?: Record<string, number>;
}

export interface SimulatedTask {
  /** The client's number, from 0. */
  client: number;
  round: number;
  /** The global model; null: the first updates define it. */
  model: Tensors | null;
  random: Chance;
}

/** How simulated clients train. Must depend on nothing but its task. */
export type SimulatedTrainer = (task: SimulatedTask) => SimulatedUpdate;

const parameterCount = 8;
const numExamplesMax = 100;
const localStepsMax = 7;

const vectorOf = (data: Float32Array): Tensors => ({ w: { dtype: 'F32', shape: [data.length], data } });

/** A model before anything was learnt. */
export const zeros: Tensors = vectorOf(new Float32Array(parameterCount));

/** Random weights: no two updates are the same, so that one that is counted twice or left out shows in the mean. */
const randomUpdate = ({ random }: SimulatedTask): SimulatedUpdate => ({
  tensors: vectorOf(Float32Array.from({ length: parameterCount }, () => random.between(-1, 1))),
  numExamples: 1 + random.below(numExamplesMax),
});

/** Random weights, with the metrics that strategies ask for. */
export const randomTrainer: SimulatedTrainer = (task) => {
  const { tensors, numExamples = 1 } = randomUpdate(task);
  // What was drawn for the weights serves for these as well.
  const [first = 0] = tensors.w?.data ?? [];
  return { tensors, numExamples, metrics: { loss: Math.abs(first), local_steps: 1 + (numExamples % localStepsMax) } };
};

/** An update as it is sent. */
export interface Payload {
  bytes: Uint8Array;
  /** What is in them, when they are sound. */
  tensors: Tensors;
  metrics: Readonly<Record<string, number>>;
  /** Whether it may be accepted. */
  isSound: boolean;
}

/** Encodes an update, and spoils it when a fault strikes. */
export function payloadOf({ tensors, numExamples = 1, metrics = {} }: SimulatedUpdate, world: World): Payload {
  const encode = (sent: Tensors, examples: number) =>
    encodeSafetensors(sent, writeUpdateMetadata({ numExamples: examples, metrics }));
  if (world.strikes('notFinite', 0.3)) {
    const chance = world.chance('notFinite');
    return { bytes: encode(withOneBadValue(tensors, chance), numExamples), tensors, metrics, isSound: false };
  }
  const bytes = encode(tensors, numExamples);
  if (world.strikes('malformed', 0.3)) {
    return { bytes: malformed(bytes, world.chance('malformed')), tensors, metrics, isSound: false };
  }
  return { bytes, tensors, metrics, isSound: true };
}

function withOneBadValue(tensors: Tensors, chance: Chance): Tensors {
  const [name, tensor] = chance.pick(Object.entries(tensors));
  const data = tensor.data.slice();
  if (data.length > 0) data[chance.below(data.length)] = chance.pick([Number.NaN, Infinity, -Infinity]);
  return { ...tensors, [name]: { ...tensor, data } };
}

/** No update of any run: cut short, too long, or with a head that is none. */
function malformed(bytes: Uint8Array, chance: Chance): Uint8Array {
  const way = chance.below(4);
  if (way === 0) return bytes.slice(0, chance.below(bytes.byteLength));
  if (way === 1) return Uint8Array.from([...bytes, 0]);
  if (way === 2) return encodeSafetensors({ other: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } }, {});
  const spoilt = bytes.slice();
  // The length of the head: the highest byte makes it longer than any file.
  spoilt[7] = 1 + chance.below(255);
  return spoilt;
}
