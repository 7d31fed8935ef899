import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { Arenas } from '../../src/aggregator/arenas.ts';
import type { FoldPiece, FoldPool } from '../../src/aggregator/fold-task.ts';
import { inlineFoldPool } from '../../src/aggregator/inline-pool.ts';
import { piecesOf } from '../../src/aggregator/inspection.ts';
import type { SumUpdate } from '../../src/aggregator/round-sum.ts';
import { RunningSum, type SumRule } from '../../src/aggregator/running-sum.ts';
import { bytesOf, type Span } from '../../src/aggregator/shared-memory.ts';
import type { ModelSchema } from '../../src/domain/model.ts';
import { fedavgChoice } from '../../src/domain/strategy-choice.ts';
import { weightedMean } from '../../src/strategies/running.ts';
import { decodeSafetensors, encodeSafetensors, readSafetensorsHead } from '../../src/wire/safetensors.ts';

const schema: ModelSchema = [{ name: 'w', dtype: 'F32', shape: [2] }];
const arenaBytes = 2 ** 20;

const clock = new SimulatedClock();

interface Held {
  name: 'fold' | 'finish';
  /** How many updates it adds. */
  adds: number;
  go: () => void;
}

/** A pool whose work is done when the test says so. */
function heldPool(companyMsMax = 0) {
  const held: Held[] = [];
  const hold = <Result>(name: Held['name'], adds: number, act: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve) => held.push({ name, adds, go: () => resolve(act()) }));
  const pool: FoldPool = {
    ...inlineFoldPool,
    companyMsMax,
    fold: (task) => hold('fold', task.updates.length, () => inlineFoldPool.fold(task)),
    finish: (task) => hold('finish', task.rest?.updates.length ?? 0, () => inlineFoldPool.finish(task)),
  };
  return { pool, held };
}

const fedavg: SumRule = {
  choice: fedavgChoice,
  strategy: weightedMean({ clipNorm: null }),
  updateKind: 'weights',
};

const update = (clientId: string, span: Span, pieces: FoldPiece[], numExamples: number): SumUpdate => ({
  ...{ clientId, span, pieces, place: null },
  contribution: { numExamples, metrics: {}, deltaNorm: null },
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

function staged(arenas: Arenas, weights: number[]): { span: Span; pieces: ReturnType<typeof piecesOf> } {
  const bytes = encodeSafetensors({ w: { dtype: 'F32', shape: [2], data: Float32Array.from(weights) } });
  const span = arenas.allocate(bytes.byteLength);
  bytesOf(span).set(bytes);
  return { span, pieces: piecesOf(readSafetensorsHead(bytes), schema) };
}

const weightsOf = ({ bytes }: { bytes: SharedArrayBuffer }) => [
  ...(decodeSafetensors(new Uint8Array(bytes)).tensors.w?.data ?? []),
];

describe('the running sum', () => {
  it('makes the weighted mean of exactly the contributions that count, and of no others', async () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes });
    const sum = new RunningSum(schema, fedavg, { pool: inlineFoldPool, arenas, clock });
    for (const [client, weights, examples] of [
      ['a', [1, 10], 1],
      ['b', [4, 40], 2],
    ] as const) {
      const { span, pieces } = staged(arenas, [...weights]);
      await sum.add(update(client, span, pieces, examples));
    }
    await expect(sum.mean(['a'], null, {})).rejects.toThrow(/holds 2 contributions, not the 1/);
    await expect(sum.mean(['a', 'c'], null, {})).rejects.toThrow(/holds 2 contributions/);
    await expect(sum.mean([], null, {})).rejects.toThrow(/holds 2 contributions/);
    expect(weightsOf(await sum.mean(['b', 'a'], null, {}))).toEqual([3, 30]);
  });

  it.each(['fold', 'finish'] as const)(
    'keeps its memory while a thread is busy with it, also when it is given up: %s',
    async (work) => {
      const { pool, held } = heldPool();
      const arenas = new Arenas({ kind: 'wasm', arenaBytes });
      const sum = new RunningSum(schema, fedavg, { pool, arenas, clock });
      const its = sum.span as Span;
      const { span, pieces } = staged(arenas, [1, 2]);
      void sum.add(update('a', span, pieces, 1));
      const mean = sum.mean(['a'], null, {}).catch(() => null);
      await settle();
      if (work === 'finish') {
        held.shift()?.go();
        await settle();
      }
      expect(held.map(({ name }) => name)).toEqual([work]);
      sum.dispose();
      await settle();
      const other = arenas.allocate(its.bytes, its);
      expect([other.arena === its.arena, other.at === its.at]).toEqual([true, false]);
      while (held.length > 0) {
        held.shift()?.go();
        await settle();
      }
      await mean;
      await settle();
      const next = arenas.allocate(its.bytes, its);
      expect(next.at).toBe(its.at);
    },
  );

  it('that misses an update is worth nothing', async () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes });
    const pool: FoldPool = { ...inlineFoldPool, fold: () => Promise.reject(new Error('the thread is gone')) };
    const sum = new RunningSum(schema, fedavg, { pool, arenas, clock });
    const { span, pieces } = staged(arenas, [1, 2]);
    await expect(sum.add(update('a', span, pieces, 1))).rejects.toThrow('the thread is gone');
    await expect(sum.mean(['a'], null, {})).rejects.toThrow('the thread is gone');
  });
});

describe('an update that may wait for company', () => {
  const companyMsMax = 20;

  function begin() {
    const { pool, held } = heldPool(companyMsMax);
    const arenas = new Arenas({ kind: 'wasm', arenaBytes });
    const sum = new RunningSum(schema, fedavg, { pool, arenas, clock });
    const ended: string[] = [];
    const add = (client: string, weights: number[] = [1, 2]) => {
      const { span, pieces } = staged(arenas, weights);
      sum.add(update(client, span, pieces, 1)).then(
        () => ended.push(client),
        () => ended.push(`${client} failed`),
      );
    };
    const works = () => held.map(({ name, adds }) => `${name} ${adds}`);
    const goOn = async () => {
      held.shift()?.go();
      await settle();
    };
    return { sum, add, ended, works, goOn };
  }

  it('waits for three others, and not longer than it may', async () => {
    const { add, ended, works, goOn } = begin();
    for (const client of ['a', 'b', 'c']) add(client);
    await settle();
    expect(works()).toEqual([]);
    add('d');
    await settle();
    expect(works()).toEqual(['fold 4']);
    // Meanwhile one comes, alone.
    add('e');
    await goOn();
    expect(ended).toEqual(['a', 'b', 'c', 'd']);
    clock.increment(companyMsMax);
    await settle();
    expect(works()).toEqual(['fold 1']);
    await goOn();
    expect(ended.at(-1)).toBe('e');
  });

  it('is added while the mean is made, when that is asked for', async () => {
    const { sum, add, ended, works, goOn } = begin();
    add('a', [1, 10]);
    add('b', [3, 30]);
    const mean = sum.mean(['a', 'b'], null, {});
    await settle();
    expect([works(), ended]).toEqual([['finish 2'], []]);
    await goOn();
    expect(weightsOf(await mean)).toEqual([2, 20]);
    expect(ended).toEqual(['a', 'b']);
    clock.increment(companyMsMax);
    await settle();
    expect(works()).toEqual([]);
  });

  it('hears when the sum is given up, and no model is made of it in memory that is another’s by then', async () => {
    const { sum, add, ended, works, goOn } = begin();
    for (const client of ['a', 'b', 'c', 'd']) add(client);
    await settle();
    add('e');
    const mean = sum.mean(['a', 'b', 'c', 'd', 'e'], null, {});
    const refused = expect(mean).rejects.toThrow('The sum was given up');
    sum.dispose();
    await settle();
    expect(ended).toEqual(['e failed']);
    await goOn();
    await refused;
    clock.increment(companyMsMax);
    await settle();
    expect(works()).toEqual([]);
  });
});
