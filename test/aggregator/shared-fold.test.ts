import { describe, expect, it } from 'vitest';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { addWeighted } from '../../src/aggregator/fold.ts';
import type { FoldTask } from '../../src/aggregator/fold-task.ts';
import { addStretches, prepareFold } from '../../src/aggregator/shared-fold.ts';
import { bufferOf, bytesOf, type Span } from '../../src/aggregator/shared-memory.ts';

const elements = 150_000;
const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 24 });

function updateOf(shift: number): FoldTask['updates'][number] {
  const span = arenas.allocate(elements * 4);
  new Float32Array(bufferOf(span.arena), span.at, elements).set(
    Float32Array.from({ length: elements }, (_, index) => Math.sin(index + shift)),
  );
  return { span, pieces: [{ dtype: 'F32', byteOffset: 0, count: elements, at: 0 }], weight: shift };
}

const updates = Array.from({ length: 11 }, (_, index) => updateOf(index + 1));

function sum(): Span {
  const span = arenas.allocate(elements * 8, updates[0]?.span);
  new Float64Array(bufferOf(span.arena), span.at, elements).fill(1 / 3);
  return span;
}

const bitsOf = (span: Span): string => Buffer.from(bytesOf(span)).toString('base64');

describe('a fold that threads share', () => {
  it.each([true, false])('has the bits of one update after another, however many at once; cleared: %s', (clear) => {
    const [oneByOne, shared] = [sum(), sum()];
    for (const [index, update] of updates.entries()) {
      addWeighted({ sum: oneByOne, clear: clear && index === 0, updates: [update] });
    }
    expect(addStretches(prepareFold({ sum: shared, clear, updates }))).toBe(true);
    expect(bitsOf(shared)).toBe(bitsOf(oneByOne));
    for (const span of [oneByOne, shared]) arenas.free(span);
  });

  it('is not touched by a thread that comes late: the memory may be another’s by then', () => {
    const shared = prepareFold({ sum: sum(), clear: true, updates });
    expect(addStretches(shared)).toBe(true);
    const after = bitsOf(shared.task.sum);
    expect(addStretches(shared)).toBe(false);
    expect(bitsOf(shared.task.sum)).toBe(after);
  });

  it('is never said to be done when a stretch of it failed', () => {
    const task = { sum: sum(), clear: true, updates };
    const shared = prepareFold(task);
    const outside = { ...task, sum: { ...task.sum, at: 2 ** 30 } };
    expect(() => addStretches({ ...shared, task: outside })).toThrow(RangeError);
    expect(addStretches(shared)).toBe(false);
  });
});
