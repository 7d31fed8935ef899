import { describe, expect, it } from 'vitest';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { bytesOf, copyTo } from '../../src/aggregator/shared-memory.ts';

describe.each(['wasm', 'plain'] as const)('bytes copied into %s shared memory', (kind) => {
  it('arrive whole and where they belong, however both sides lie', () => {
    const span = new Arenas({ kind, arenaBytes: 65_536 }).allocate(300);
    const source = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) % 251);
    for (const [from, to, count] of [
      [0, 0, 256],
      [3, 0, 200],
      [5, 7, 129],
      [1, 9, 1],
      [4, 12, 0],
    ] as const) {
      bytesOf(span).fill(255);
      copyTo(span, to, source.subarray(from, from + count));
      const wanted = new Uint8Array(300).fill(255);
      wanted.set(source.subarray(from, from + count), to);
      expect([...bytesOf(span)]).toEqual([...wanted]);
    }
  });
});
