import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { canBeShared, finishMean, makeAhead, prepareFinish, type SharedFinish } from '../../src/aggregator/finish.ts';
import { addWeighted } from '../../src/aggregator/fold.ts';
import type { FinishTask } from '../../src/aggregator/fold-task.ts';
import { piecesOf } from '../../src/aggregator/inspection.ts';
import { bufferOf } from '../../src/aggregator/shared-memory.ts';
import type { ModelSchema } from '../../src/domain/model.ts';
import { decodeSafetensors, readSafetensorsHead } from '../../src/wire/safetensors.ts';
import { createFoldPool } from '../../src/workers/fold-pool.ts';

const schema: ModelSchema = [
  { name: 'a', dtype: 'F32', shape: [70_001] },
  { name: 'b', dtype: 'BF16', shape: [20_000] },
  { name: 'c', dtype: 'F64', shape: [30_000] },
];
const elements = 120_001;

/** A sum whose values are their places. @param odd what stands at `oddAt` instead */
function taskOf(odd?: { at: number; value: number }): FinishTask {
  const span = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 21 }).allocate(elements * 8);
  const sum = new Float64Array(bufferOf(span.arena), span.at, elements);
  for (let index = 0; index < elements; index += 1) sum[index] = index;
  if (odd) sum[odd.at] = odd.value;
  const chunks = [{ range: { from: 0, to: elements }, span }];
  return { chunks, divisor: 2, schema, base: null, baseShare: 0, optimiser: null, metadata: { round: '1' } };
}

const odd = { at: 5, value: 1e30 };

/** Two updates of the model, of other values than the sum's. */
function restOf(): NonNullable<FinishTask['rest']> {
  const bytes = finishMean(prepareFinish(taskOf())).bytes;
  const head = readSafetensorsHead(new Uint8Array(bytes));
  const update = {
    span: { arena: { id: -1, memory: bytes }, at: 0, bytes: bytes.byteLength },
    pieces: piecesOf(head, schema),
  };
  return { clear: false, updates: [3, 5].map((weight) => ({ ...update, weight })) };
}

/** What the other thread does while the first tiles are the other's already. */
function makeLast({ states, ...rest }: SharedFinish, tiles: number): void {
  const view = new Int32Array(states);
  view.fill(1, 0, view.length - tiles);
  makeAhead({ states, ...rest });
  view.fill(0, 0, view.length - tiles);
}

const bitsOf = ({ bytes }: { bytes: SharedArrayBuffer }) => Buffer.from(new Uint8Array(bytes)).toString('base64');

describe('the making of a model', () => {
  it('divides the sum, tensor by tensor in its dtype, and says the digest of the file', () => {
    const { bytes, sha256 } = finishMean(prepareFinish(taskOf()));
    const { tensors, metadata } = decodeSafetensors(Uint8Array.from(new Uint8Array(bytes)));
    expect(metadata).toEqual({ round: '1' });
    expect(tensors.a?.data[70_000]).toBe(35_000);
    expect(tensors.c?.data[29_999]).toBe(60_000);
    expect(sha256).toBe(createHash('sha256').update(new Uint8Array(bytes)).digest('hex'));
  });

  it.each([1, 3, 4])('has the same bits when another thread made the last %i of its 4 tiles', (tiles) => {
    const alone = finishMean(prepareFinish(taskOf()));
    const shared = prepareFinish(taskOf());
    expect(shared.states.byteLength).toBe(4 * 4);
    makeLast(shared, tiles);
    const together = finishMean(shared);
    expect(bitsOf(together)).toBe(bitsOf(alone));
    expect(together.sha256).toBe(alone.sha256);
  });

  it('has the same bits whether the last updates were added before, or are with each tile, here or elsewhere', () => {
    const rest = restOf();
    const before = taskOf();
    for (const { span: sum } of before.chunks) addWeighted({ sum, ...rest });
    const alone = finishMean(prepareFinish(before));
    const shared = prepareFinish({ ...taskOf(), rest });
    makeLast(shared, 2);
    expect(bitsOf(finishMean(shared))).toBe(bitsOf(alone));
    expect(bitsOf(alone)).not.toBe(bitsOf(finishMean(prepareFinish(taskOf()))));
    const cleared = finishMean(prepareFinish({ ...taskOf(), rest: { ...rest, clear: true } }));
    expect(bitsOf(cleared)).toBe(bitsOf(finishMean(prepareFinish({ ...taskOf(odd), rest: { ...rest, clear: true } }))));
  });

  it('has the same bits on the threads of a pool', async () => {
    const alone = finishMean(prepareFinish(taskOf()));
    const pool = createFoldPool(2);
    try {
      const together = await pool.finish(taskOf());
      expect(bitsOf(together)).toBe(bitsOf(alone));
      expect(together.sha256).toBe(alone.sha256);
    } finally {
      await pool.close();
    }
  });

  it.each([0, elements - 1])('is refused when the mean at element %i is not finite, whoever made that part', (at) => {
    const odd = { at, value: Number.POSITIVE_INFINITY };
    expect(() => finishMean(prepareFinish(taskOf(odd)))).toThrow(RangeError);
    const shared = prepareFinish(taskOf(odd));
    makeLast(shared, 2);
    expect(() => finishMean(shared)).toThrow(/not finite/);
  });

  it('holds float64 values whose squares are beyond float64, and nothing that is infinite beside them', () => {
    const { bytes } = finishMean(prepareFinish(taskOf({ at: elements - 1, value: -1e308 })));
    const { tensors } = decodeSafetensors(Uint8Array.from(new Uint8Array(bytes)));
    expect([...(tensors.c?.data.slice(-2) ?? [])]).toEqual([59_999.5, -5e307]);
    const task = taskOf({ at: elements - 1, value: 1e308 });
    const [{ span }] = task.chunks as [(typeof task.chunks)[number]];
    new Float64Array(bufferOf(span.arena), span.at, elements)[elements - 9] = Number.NaN;
    expect(() => finishMean(prepareFinish(task))).toThrow(/not finite/);
  });

  it('fails when a part failed on another thread', () => {
    const task = taskOf();
    const shared = prepareFinish(task);
    const outside = task.chunks.map(({ range, span }) => ({ range, span: { ...span, at: 2 ** 21 } }));
    expect(() => makeLast({ ...shared, task: { ...task, chunks: outside } }, 1)).toThrow();
    new Int32Array(shared.states).fill(0, 0, 3);
    expect(() => finishMean(shared)).toThrow('A thread that made a part of the model was lost');
  });

  it('is one thread’s work where there is an optimiser, or next to nothing to do', () => {
    const choice = { name: 'fedadam' as const, parameters: {} };
    expect(canBeShared(prepareFinish({ ...taskOf(), optimiser: { choice, state: null } }))).toBe(false);
    const small: ModelSchema = [{ name: 'a', dtype: 'F32', shape: [10] }];
    const { chunks, ...rest } = taskOf();
    const few = chunks.map(({ span }) => ({ range: { from: 0, to: 10 }, span }));
    expect(canBeShared(prepareFinish({ ...rest, schema: small, chunks: few }))).toBe(false);
  });
});
