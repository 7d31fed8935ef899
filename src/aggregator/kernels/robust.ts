import type { Dtype } from '../../domain/model.ts';
import type { Combination, Measurement } from '../../strategies/strategy.ts';
import { bufferOf } from '../shared-memory.ts';
import type { Place } from './kernel-types.ts';
import { fold, kernelsFor } from './kernels.ts';
import { referenceRobustKernels } from './robust-reference.ts';
import { type RobustKernels, robustScratchBytes } from './robust-types.ts';
import { wasmRobustKernels } from './wasm-robust.ts';

/**
 * Values taken at a time: few enough that what 50 updates have there stays in the cache, and enough that a call costs
 * nothing beside it. Measurements are sums over tiles, so this is part of what fixes their bits.
 */
export const tileElementsMax = 2_048;

/** A stretch of the model, with the values of every update there. */
export interface Tile {
  readonly dtype: Dtype;
  /** 0 to `tileElementsMax` */
  readonly count: number;
  /** In the order of the contributions. */
  readonly updates: readonly Place[];
  /** `tileScratchBytes` of memory that nobody else uses meanwhile; begins at a multiple of 64. */
  readonly scratch: Place;
}

/** Scratch memory that a thread needs for tiles of so many updates, bytes. */
export const tileScratchBytes = (updates: number): number => centreBytes + robustScratchBytes(Math.max(1, updates));

const centreBytes = tileElementsMax * Float64Array.BYTES_PER_ELEMENT;

/** How many values a measurement of `updates` updates has. */
export const measuredLength = ({ kind }: Measurement, updates: number): number =>
  kind === 'pairwise' ? updates * updates : updates;

/** Adds what a tile contributes to a measurement. @param into `measuredLength` values, at first 0 */
export function measureTile(measurement: Measurement, tile: Tile, into: Float64Array): void {
  const { dtype, count, updates, scratch } = tile;
  if (count > tileElementsMax) throw new RangeError(`A tile has at most ${tileElementsMax} values, not ${count}`);
  const kernels = robustKernelsFor([...updates, scratch]);
  const [centre, rest] = partsOf(scratch);
  if (measurement.kind === 'pairwise') {
    kernels.addDistances(dtype, updates, count, into, rest);
    return;
  }
  weightedMean(measurement.weights, tile, centre);
  updates.forEach((update, index) => {
    into[index] = (into[index] ?? 0) + kernels.squaredDistance(dtype, update, centre, count);
  });
}

/** The aggregate of a tile, float64. @throws {TypeError} the combination is not one of ours. */
export function combineTile(combination: Combination, tile: Tile, into: Place): void {
  const { dtype, count, updates, scratch } = tile;
  if (combination.kind === 'weighted') {
    weightedMean(combination.weights, tile, into);
    return;
  }
  const members = combination.members.map((index) => memberAt(updates, index));
  if (combination.kind === 'own') throw new TypeError('A strategy of one’s own combines on its own thread');
  const kernels = robustKernelsFor([...members, into, scratch]);
  const [, rest] = partsOf(scratch);
  if (combination.kind === 'ordered') kernels.orderedMean(dtype, members, count, combination, into, rest);
  else kernels.meanAroundMedian(dtype, members, count, combination.keep, into, rest);
}

/** The updates a combination is made of, by index; the others are left out. */
export const membersOf = (combination: Combination): readonly number[] =>
  combination.kind === 'weighted'
    ? combination.weights.flatMap((weight, index) => (weight > 0 ? [index] : []))
    : combination.members;

/** The fastest that can work where these places are. */
function robustKernelsFor(places: readonly Place[]): RobustKernels {
  const [first] = places;
  const isTogether = first && places.every(({ arena }) => arena.id === first.arena.id);
  if (!isTogether || first.arena.memory instanceof SharedArrayBuffer) return referenceRobustKernels;
  return wasmRobustKernels(first.arena.id, first.arena.memory);
}

/** `into = Σ weightᵢ · updateᵢ / Σ weightᵢ`. */
function weightedMean(weights: readonly number[], { dtype, count, updates }: Tile, into: Place): void {
  const members = weights.flatMap((weight, index) => (weight > 0 ? [{ ...memberAt(updates, index), weight }] : []));
  const divisor = members.reduce((total, { weight }) => total + weight, 0);
  if (!(divisor > 0)) throw new RangeError('No weight, so no mean');
  new Float64Array(bufferOf(into.arena), into.at, count).fill(0);
  fold(dtype, into, count, members);
  kernelsFor(into.arena).divide(into, count, divisor);
}

function memberAt(updates: readonly Place[], index: number): Place {
  const member = updates[index];
  if (!member) throw new RangeError(`There is no update ${index} of ${updates.length}`);
  return member;
}

const partsOf = ({ arena, at }: Place): readonly [centre: Place, rest: Place] => [
  { arena, at },
  { arena, at: at + centreBytes },
];
