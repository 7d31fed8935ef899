import { describe, expect, it } from 'vitest';
import { Arenas } from '../../src/aggregator/arenas.ts';
import {
  combineTile,
  measuredLength,
  measureTile,
  membersOf,
  type Tile,
  tileElementsMax,
  tileScratchBytes,
} from '../../src/aggregator/kernels/robust.ts';
import { bufferOf, type Span } from '../../src/aggregator/shared-memory.ts';
import type { Combination, Measurement } from '../../src/strategies/strategy.ts';

/** Updates of float32 values; in one memory, or each in one of its own. */
function tileOf(values: readonly (readonly number[])[], isTogether = true): { tile: Tile; into: Span } {
  const shared = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 20 });
  const count = values[0]?.length ?? 0;
  const into = shared.allocate(count * 8);
  const updates = values.map((each) => {
    const span = (isTogether ? shared : new Arenas({ kind: 'wasm', arenaBytes: 2 ** 16 })).allocate(count * 4);
    new Float32Array(bufferOf(span.arena), span.at, count).set(each);
    return span;
  });
  return {
    tile: { dtype: 'F32', count, updates, scratch: shared.allocate(tileScratchBytes(values.length), into) },
    into,
  };
}

function combined(combination: Combination, { tile, into }: ReturnType<typeof tileOf>): number[] {
  combineTile(combination, tile, into);
  return [...new Float64Array(bufferOf(into.arena), into.at, tile.count)];
}
function measured(measurement: Measurement, { tile }: ReturnType<typeof tileOf>): number[] {
  const result = new Float64Array(measuredLength(measurement, tile.updates.length));
  measureTile(measurement, tile, result);
  return [...result];
}

const values = [
  [0, 1, 2, 3, 4],
  [3, 1, 2, 3, 0],
  [6, 7, -7, 3, 2],
];
const combinations: readonly { combination: Combination; expected: number[]; members: number[] }[] = [
  { combination: { kind: 'weighted', weights: [1, 0, 3] }, expected: [4.5, 5.5, -4.75, 3, 2.5], members: [0, 2] },
  {
    combination: { kind: 'ordered', members: [0, 1, 2], from: 1, to: 2 },
    expected: [3, 1, 2, 3, 2],
    members: [0, 1, 2],
  },
  { combination: { kind: 'ordered', members: [2, 0], from: 0, to: 2 }, expected: [3, 4, -2.5, 3, 3], members: [2, 0] },
  // The median of the first column is 3, and 0 and 6 are equally far from it: the lower one stays.
  {
    combination: { kind: 'aroundMedian', members: [0, 1, 2], keep: 2 },
    expected: [1.5, 1, 2, 3, 1],
    members: [0, 1, 2],
  },
];

describe.each([true, false])('a tile of updates (in one memory: %s)', (isTogether) => {
  it.each(combinations)('is combined: $combination', ({ combination, expected, members }) => {
    expect(combined(combination, tileOf(values, isTogether))).toEqual(expected);
    expect(membersOf(combination)).toEqual(members);
  });

  it('is measured', () => {
    expect(measured({ kind: 'pairwise' }, tileOf(values, isTogether))).toEqual([0, 25, 157, 25, 0, 130, 157, 130, 0]);
    // From the mean of the first two: [1.5, 1, 2, 3, 2].
    const spread: Measurement = { kind: 'spread', weights: [2, 2, 0] };
    expect(measured(spread, tileOf(values, isTogether))).toEqual([6.25, 6.25, 137.25]);
  });
});

describe('a tile', () => {
  it('may be empty', () => {
    for (const { combination } of combinations) expect(combined(combination, tileOf([[], [], []]))).toEqual([]);
    expect(measured({ kind: 'pairwise' }, tileOf([[], []]))).toEqual([0, 0, 0, 0]);
  });

  it('cannot be larger than its scratch memory allows for', () => {
    const large = tileOf([Array.from({ length: tileElementsMax + 1 }, () => 1)]);
    expect(() => measured({ kind: 'spread', weights: [1] }, large)).toThrow(RangeError);
  });

  it('is not combined without a weight, with updates that are not there, or where the strategy does so itself', () => {
    expect(() => combined({ kind: 'weighted', weights: [0, 0, 0] }, tileOf(values))).toThrow('No weight, so no mean');
    expect(() => combined({ kind: 'ordered', members: [3], from: 0, to: 1 }, tileOf(values))).toThrow(RangeError);
    expect(() => combined({ kind: 'own', members: [0] }, tileOf(values))).toThrow(TypeError);
  });
});
