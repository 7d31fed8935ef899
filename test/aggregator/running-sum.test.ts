import { describe, expect, it } from 'vitest';
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

/** A pool whose work is done when the test says so. */
function heldPool() {
  const held: { name: 'fold' | 'finish'; go: () => void }[] = [];
  const hold = <Result>(name: 'fold' | 'finish', act: () => Promise<Result>): Promise<Result> =>
    new Promise((resolve) => held.push({ name, go: () => resolve(act()) }));
  const pool: FoldPool = {
    ...inlineFoldPool,
    fold: (task) => hold('fold', () => inlineFoldPool.fold(task)),
    finish: (task) => hold('finish', () => inlineFoldPool.finish(task)),
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
    const sum = new RunningSum(schema, fedavg, inlineFoldPool, arenas);
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
      const sum = new RunningSum(schema, fedavg, pool, arenas);
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

  it('that misses an update is worth nothing, and gives its memory back only after every thread is done', async () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 22 });
    const large: ModelSchema = [{ name: 'w', dtype: 'F32', shape: [2 ** 17] }];
    let finishOther: () => void = () => undefined;
    let folds = 0;
    const pool: FoldPool = {
      ...inlineFoldPool,
      threads: 2,
      fold: () => {
        folds += 1;
        if (folds === 1) return Promise.reject(new Error('the thread is gone'));
        return new Promise<void>((resolve) => {
          finishOther = resolve;
        });
      },
    };
    const sum = new RunningSum(large, fedavg, pool, arenas);
    const bytes = encodeSafetensors({ w: { dtype: 'F32', shape: [2 ** 17], data: new Float32Array(2 ** 17) } });
    const span = arenas.allocate(bytes.byteLength);
    bytesOf(span).set(bytes);
    let isDone = false;
    const added = sum.add(update('a', span, piecesOf(readSafetensorsHead(bytes), large), 1)).finally(() => {
      isDone = true;
    });
    await settle();
    expect([folds, isDone]).toEqual([2, false]);
    finishOther();
    await expect(added).rejects.toThrow('the thread is gone');
    await expect(sum.mean(['a'], null, {})).rejects.toThrow('the thread is gone');
  });
});
