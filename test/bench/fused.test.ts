import { expect, it } from 'vitest';
import { compileKernels } from '../../scripts/build-kernels.ts';
import { Arenas } from '../../src/aggregator/arenas.ts';
import { kernelsFor } from '../../src/aggregator/kernels/kernels.ts';
import { bytesOf } from '../../src/aggregator/shared-memory.ts';

it('a fold that checks as it goes gives the bits of the fold, and says which updates are finite', async () => {
  const count = 12;
  const arenas = new Arenas({ kind: 'wasm', arenaBytes: 65_536 });
  const [together, apart, finite] = [arenas.allocate(count * 8), arenas.allocate(count * 8), arenas.allocate(16)];
  const { memory } = together.arena;
  if (memory instanceof SharedArrayBuffer) throw new Error('No memory of WebAssembly');
  const { instance } = await WebAssembly.instantiate(await compileKernels('fused'), { env: { memory } });
  const updates = [0.1, -7, 3e30, 5].map((scale) => {
    const span = arenas.allocate(count * 4);
    new Float32Array(bytesOf(span).buffer, span.at, count).set(
      Array.from({ length: count }, (_, at) => scale * (at - 4)),
    );
    return { ...span, weight: Math.abs(scale) + 1 };
  });
  const operands = updates.flatMap(({ at, weight }) => [at, weight]);
  const foldAndCheck = instance.exports.foldAndCheck4F32 as (...operands: number[]) => void;
  const found = new Uint32Array(bytesOf(finite).buffer, finite.at, 4);

  foldAndCheck(together.at, count, ...operands, finite.at);
  const kernels = kernelsFor(apart.arena);
  kernels.fold('F32', apart, count, updates);
  expect([...bytesOf(together)]).toEqual([...bytesOf(apart)]);
  expect([...found]).toEqual([1, 1, 1, 1]);

  for (const [index, { at, arena }] of updates.entries()) {
    new Float32Array(bytesOf({ arena, at, bytes: 4 }).buffer, at, 1)[0] = index % 2 === 0 ? Number.NaN : -Infinity;
    foldAndCheck(together.at, count, ...operands, finite.at);
    expect([...found]).toEqual(updates.map((_, other) => (other <= index ? 0 : 1)));
  }
});
