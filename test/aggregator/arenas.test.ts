import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arenas, arenaBytesMax } from '../../src/aggregator/arenas.ts';
import { bytesOf, type Span } from '../../src/aggregator/shared-memory.ts';

const end = ({ at, bytes }: Span): number => at + bytes;
const overlap = (a: Span, b: Span): boolean => a.arena === b.arena && a.at < end(b) && b.at < end(a);

describe('arenas', () => {
  it('never hand out a byte twice, whatever is taken and given back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.record({ take: fc.integer({ min: 0, max: 300_000 }) }), fc.record({ give: fc.nat() })), {
          maxLength: 60,
        }),
        (steps) => {
          const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 20 });
          const held: Span[] = [];
          for (const step of steps) {
            if ('take' in step) {
              const span = arenas.allocate(step.take, held[0]);
              expect(span.at % 64).toBe(0);
              expect(bytesOf(span).byteLength).toBe(step.take);
              for (const other of held) expect(step.take > 0 && other.bytes > 0 && overlap(span, other)).toBe(false);
              held.push(span);
            } else if (held.length > 0) {
              const [span] = held.splice(step.give % held.length, 1);
              if (span) arenas.free(span);
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('use the lowest bytes again, so that only as much memory is touched as is held at once', () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 24 });
    const sum = arenas.allocate(1_000_000);
    let highest = 0;
    for (let round = 0; round < 100; round += 1) {
      const pair = [arenas.allocate(500_000, sum), arenas.allocate(500_000, sum)];
      for (const span of pair) {
        highest = Math.max(highest, end(span));
        arenas.free(span);
      }
    }
    expect(highest).toBeLessThan(2_100_000);
  });

  it('put an update beside the sum it will be added to, as long as there is room', () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 20 });
    const first = arenas.allocate(1_000_000);
    const sum = arenas.allocate(1_000_000);
    expect(sum.arena).not.toBe(first.arena);
    arenas.free(first);
    expect(arenas.allocate(10_000, sum).arena).toBe(sum.arena);
  });

  it('start large spans at different places of a page', () => {
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 24 });
    const starts = Array.from({ length: 6 }, () => arenas.allocate(2 ** 20).at % 65_536);
    expect(new Set(starts).size).toBe(6);
  });

  it('make do with what is needed where the system does not promise more', () => {
    const pagesMax = 32;
    const asked: number[] = [];
    const createMemory = (pages: number) => {
      asked.push(pages);
      if (pages > pagesMax) throw new RangeError('no such memory');
      return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    };
    const arenas = new Arenas({ kind: 'wasm', arenaBytes: 2 ** 30, createMemory });
    expect(bytesOf(arenas.allocate(1_000_000)).byteLength).toBe(1_000_000);
    expect(asked).toEqual([16_384, 16]);
    expect(() => arenas.allocate(4_000_000)).toThrow(RangeError);
  });

  it('refuse what no memory can hold', () => {
    expect(() => new Arenas({ kind: 'wasm', arenaBytes: 2 ** 20 }).allocate(arenaBytesMax + 1)).toThrow(RangeError);
  });
});
