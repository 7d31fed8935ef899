/** The inner loops of aggregation, on one thread, against what bounds them. */
import { createHash } from 'node:crypto';
import type { Span } from '../../src/aggregator/shared-memory.ts';
import { compiled } from '../support/compiled.ts';
import { timed } from '../support/measure.ts';
import { modelFile } from '../support/model-file.ts';
import { programSettings, serveCommands } from './serve-commands.ts';

const { Arenas } = await compiled<typeof import('../../src/aggregator/arenas.ts')>('aggregator/arenas');
const { Inspection } = await compiled<typeof import('../../src/aggregator/inspection.ts')>('aggregator/inspection');
const { kernelsFor } =
  await compiled<typeof import('../../src/aggregator/kernels/kernels.ts')>('aggregator/kernels/kernels');
const { bytesOf } = await compiled<typeof import('../../src/aggregator/shared-memory.ts')>('aggregator/shared-memory');

/** So many updates are folded in one pass when so many wait. */
const updateCount = 4;
/** What production hashes and checks at a time, bytes. */
const pieceBytes = 131_072;
const tileElements = pieceBytes / Float32Array.BYTES_PER_ELEMENT;

const { parameters } = programSettings<{ parameters: number }>();
const { bytes: file, valuesAt } = modelFile(parameters);
/** Where the kernel that checks as it folds puts what it found. */
const foundBytes = updateCount * Uint32Array.BYTES_PER_ELEMENT;
const arenas = new Arenas({
  kind: 'wasm',
  arenaBytes: parameters * 8 + (updateCount + 1) * (file.byteLength + pieceBytes),
});
const sum = arenas.allocate(parameters * Float64Array.BYTES_PER_ELEMENT);
const updates: Span[] = Array.from({ length: updateCount }, () => arenas.allocate(file.byteLength, sum));
for (const update of updates) bytesOf(update).set(file);
bytesOf(sum).fill(0);
const kernels = kernelsFor(sum.arena);
const found = arenas.allocate(foundBytes, sum);
let fused: ((...operands: number[]) => void) | null = null;
const copies = Array.from({ length: updateCount }, () => ({
  from: new Uint8Array(file),
  to: new Uint8Array(file.byteLength).fill(1),
}));

const place = ({ arena, at }: Span, element = 0) => ({ arena, at: at + valuesAt + element * 4 });
const sumPlace = (element = 0) => ({ arena: sum.arena, at: sum.at + element * 8 });
const weighted = (update: Span, element = 0) => ({ ...place(update, element), weight: 7 });

function eachTile(act: (element: number, count: number) => void): void {
  for (let element = 0; element < parameters; element += tileElements) {
    act(element, Math.min(tileElements, parameters - element));
  }
}

function check(update: Span, element: number, count: number): void {
  if (!kernels.areFinite('F32', place(update, element), count)) throw new Error('It is not finite');
}

function inspectAll(normMax: number | null): void {
  for (const span of updates) {
    const inspected = new Inspection({
      span,
      expectedBytes: file.byteLength,
      schema: null,
      numExamplesMax: Number.MAX_SAFE_INTEGER,
      normMax,
      allowZeroExamples: false,
      isModel: false,
    }).finish(file.byteLength);
    if (inspected.kind === 'refused') throw new Error(inspected.detail);
  }
}

/** `kernels/fused.ts`: acc, count, four updates with their weights, and where it says which are finite. */
async function fusedKernel(memory: WebAssembly.Memory | SharedArrayBuffer): Promise<(...operands: number[]) => void> {
  if (memory instanceof SharedArrayBuffer) throw new Error('It needs memory of WebAssembly');
  // The compiler is large, and most who start this program need no more than what is compiled already.
  const { compileKernels } = await import('../../scripts/build-kernels.ts');
  const { instance } = await WebAssembly.instantiate(await compileKernels('fused'), { env: { memory } });
  return instance.exports.foldAndCheck4F32 as (...operands: number[]) => void;
}

/** Every command works once over all updates, and says how long that took, ms. */
serveCommands({
  bytes: () => updateCount * parameters * Float32Array.BYTES_PER_ELEMENT,
  memcpy: () =>
    timed(() => {
      for (const { from, to } of copies) to.set(from);
    }),
  foldTogether: () =>
    timed(() =>
      kernels.fold(
        'F32',
        sumPlace(),
        parameters,
        updates.map((update) => weighted(update)),
      ),
    ),
  foldOneByOne: () =>
    timed(() => {
      for (const update of updates) kernels.fold('F32', sumPlace(), parameters, [weighted(update)]);
    }),
  checkAndFoldTogether: () =>
    timed(() =>
      eachTile((element, count) => {
        for (const update of updates) check(update, element, count);
        kernels.fold(
          'F32',
          sumPlace(element),
          count,
          updates.map((update) => weighted(update, element)),
        );
      }),
    ),
  foldAndCheckInOnePass: async () => {
    const kernel = fused ?? (await fusedKernel(sum.arena.memory));
    fused = kernel;
    return timed(() => {
      const sources = updates.flatMap((update) => [weighted(update).at, weighted(update).weight]);
      kernel(sum.at, parameters, ...sources, found.at);
      const areFinite = new Uint32Array(bytesOf(found).buffer, found.at, updateCount);
      if (areFinite.some((one) => one !== 1)) throw new Error('It is not finite');
    });
  },
  checkAndFoldOneByOne: () =>
    timed(() => {
      for (const update of updates) {
        eachTile((element, count) => {
          check(update, element, count);
          kernels.fold('F32', sumPlace(element), count, [weighted(update, element)]);
        });
      }
    }),
  hash: () =>
    timed(() => {
      for (const update of updates) {
        const hash = createHash('sha256');
        for (let at = 0; at < file.byteLength; at += pieceBytes) {
          hash.update(bytesOf(update).subarray(at, at + pieceBytes));
        }
        hash.digest('hex');
      }
    }),
  /** Exactly what the server does with each update. */
  inspect: () => timed(() => inspectAll(null)),
  inspectWithNorm: () => timed(() => inspectAll(Number.MAX_VALUE)),
});
