/** Robust aggregation, tile by tile, on one thread, against what bounds it. */
import type { Tile } from '../../src/aggregator/kernels/robust.ts';
import type { Combination, Measurement } from '../../src/strategies/strategy.ts';
import { compiled } from '../support/compiled.ts';
import { timed } from '../support/measure.ts';
import { programSettings, serveCommands } from './serve-commands.ts';

const { Arenas } = await compiled<typeof import('../../src/aggregator/arenas.ts')>('aggregator/arenas');
const { bufferOf } = await compiled<typeof import('../../src/aggregator/shared-memory.ts')>('aggregator/shared-memory');
const { combineTile, measuredLength, measureTile, tileElementsMax, tileScratchBytes } =
  await compiled<typeof import('../../src/aggregator/kernels/robust.ts')>('aggregator/kernels/robust');

const { parameters, updates: updateCount } = programSettings<{ parameters: number; updates: number }>();
const updateBytes = parameters * Float32Array.BYTES_PER_ELEMENT;
const arenas = new Arenas({
  kind: 'wasm',
  arenaBytes: updateCount * (updateBytes + 65_536) + parameters * 8 + 2 ** 24,
});
const aggregate = arenas.allocate(parameters * Float64Array.BYTES_PER_ELEMENT);
const scratch = arenas.allocate(tileScratchBytes(updateCount), aggregate);
const updates = Array.from({ length: updateCount }, () => arenas.allocate(updateBytes, aggregate));
let state = 1;
for (const { arena, at } of updates) {
  const values = new Float32Array(bufferOf(arena), at, parameters);
  // A linear congruential generator: quick, and without order that a sort could profit from.
  for (let index = 0; index < parameters; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[index] = state / 2 ** 31;
  }
}
/** More than any cache holds. */
const copiesMax = 4;
const copies = Array.from({ length: Math.min(copiesMax, updateCount) }, () => ({
  from: new Uint8Array(updateBytes).fill(1),
  to: new Uint8Array(updateBytes).fill(2),
}));

/** Bytes that `act` reads each second, in GB/s. */
async function rate(bytes: number, act: () => void): Promise<number> {
  return bytes / 1e6 / (await timed(act));
}

function eachTile(count: number, act: (tile: Tile, element: number) => void): void {
  for (let element = 0; element < parameters; element += tileElementsMax) {
    const length = Math.min(tileElementsMax, parameters - element);
    const places = updates.slice(0, count).map(({ arena, at }) => ({ arena, at: at + element * 4 }));
    act({ dtype: 'F32', count: length, updates: places, scratch }, element);
  }
}

/** Every command works once over so many updates, and says how fast it read them, GB/s. */
serveCommands({
  /** As many bytes as there are updates, so that whatever else the machine does falls on it as on the others. */
  memcpy: () =>
    rate(updateCount * updateBytes, () => {
      for (let copied = 0; copied < updateCount; copied += 1) {
        const copy = copies[copied % copies.length];
        copy?.to.set(copy.from);
      }
    }),
  combine: ({ count, combination }: { count: number; combination: Combination }) =>
    rate(count * updateBytes, () =>
      eachTile(count, (tile, element) =>
        combineTile(combination, tile, { arena: aggregate.arena, at: aggregate.at + element * 8 }),
      ),
    ),
  measure: ({ count, measurement }: { count: number; measurement: Measurement }) => {
    const into = new Float64Array(measuredLength(measurement, count));
    return rate(count * updateBytes, () => eachTile(count, (tile) => measureTile(measurement, tile, into)));
  },
});
