import { afterAll, describe, expect, it } from 'vitest';
import { Arenas } from '../../src/aggregator/arenas.ts';
import type { Inspected, InspectTask } from '../../src/aggregator/fold-task.ts';
import { inlineFoldPool } from '../../src/aggregator/inline-pool.ts';
import { bytesOf, type Span } from '../../src/aggregator/shared-memory.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { createFoldPool } from '../../src/workers/fold-pool.ts';

const pool = createFoldPool(2);
afterAll(() => pool.close());

/** On both sides of what is too little for a thread. */
const sizes = [1, 600, 1_200, 4_000, 5_000, 100_000];

function stage(arenas: Arenas, count: number, bad = 0): { span: Span; task: InspectTask } {
  const data = Float32Array.from({ length: count }, (_, index) => index / 7 - 3);
  if (bad > 0) data[count - 1] = Number.NaN;
  const bytes = encodeSafetensors({ w: { dtype: 'F32', shape: [count], data } }, { num_examples: '3' });
  const span = arenas.allocate(bytes.byteLength);
  bytesOf(span).set(bytes);
  const expectedBytes = bytes.byteLength;
  const rules = { schema: null, numExamplesMax: 10, normMax: null, allowZeroExamples: false, isModel: false };
  return { span, task: { span, expectedBytes, ...rules } };
}

describe('the pool of fold threads', () => {
  it.each(sizes)('checks an update of %i values to the same end as one thread does', async (count) => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 21 });
    for (const bad of [0, 1]) {
      const { task } = stage(arenas, count, bad);
      const bytes = task.expectedBytes ?? 0;
      const checked = await pool.inspect(task).finish(bytes);
      expect(checked).toEqual(await inlineFoldPool.inspect(task).finish(bytes));
      expect(checked.kind).toBe(bad ? 'refused' : 'valid');
    }
  });

  it.each(sizes)('adds updates of %i values to the same bits as one thread does', async (count) => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 22 });
    const { span, task } = stage(arenas, count);
    const { pieces } = (await inlineFoldPool.inspect(task).finish(task.expectedBytes ?? 0)) as Inspected;
    const sums = [pool, inlineFoldPool].map((by) => ({ by, sum: arenas.allocate(count * 8, span) }));
    for (const { by, sum } of sums) {
      await by.fold({ sum, clear: true, updates: [{ span, pieces, weight: 3 }] });
      await by.fold({ sum, clear: false, updates: [1, 2, 5].map((weight) => ({ span, pieces, weight })) });
    }
    const [threads, inline] = sums.map(({ sum }) => Buffer.from(bytesOf(sum)).toString('base64'));
    expect(threads).toBe(inline);
    expect(bytesOf(sums[0]?.sum as Span).some((byte) => byte !== 0)).toBe(true);
  });

  it('can be closed while its threads still load, which once ended the process', async () => {
    for (let time = 0; time < 10; time += 1) {
      const pool = createFoldPool(2);
      pool.warm();
      await pool.close();
    }
  });
});
