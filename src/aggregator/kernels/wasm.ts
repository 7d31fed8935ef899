import type { Dtype } from '../../domain/model.ts';
import { foldWasmBase64 } from './fold-wasm.ts';
import type { Kernels, Weighted } from './kernel-types.ts';

type Fold1 = (sum: number, count: number, a: number, wa: number) => void;
type Fold4 = (
  sum: number,
  count: number,
  a: number,
  wa: number,
  b: number,
  wb: number,
  c: number,
  wc: number,
  d: number,
  wd: number,
) => void;
/** Of `finite`, 0 is false. */
type Check = (at: number, count: number) => number;

/** What `kernels/fold.ts` exports. */
type Exports = Record<`fold1${Dtype}`, Fold1> &
  Record<`fold4${Dtype}`, Fold4> &
  Record<`check${Dtype}` | `finite${Dtype}`, Check> & {
    divide: (sum: number, count: number, divisor: number) => void;
    toFloat32: (sum: number, count: number, out: number) => void;
  };

/** Memories whose kernels this thread keeps; the oldest go first. */
const instancesMax = 8;
let compiled: WebAssembly.Module | null = null;
const instances = new Map<number, Kernels>();

/** The compiled kernels for a shared memory. @param id the arena's; each thread makes one instance for it. */
export function wasmKernels(id: number, memory: WebAssembly.Memory): Kernels {
  const known = instances.get(id);
  if (known) return known;
  compiled ??= new WebAssembly.Module(Buffer.from(foldWasmBase64, 'base64'));
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  const kernels = kernelsOf(exports as unknown as Exports);
  const [oldest] = instances.keys();
  if (instances.size >= instancesMax && oldest !== undefined) instances.delete(oldest);
  instances.set(id, kernels);
  return kernels;
}

function kernelsOf(exports: Exports): Kernels {
  return {
    fold(dtype, sum, count, updates) {
      let next = 0;
      for (; next + 4 <= updates.length; next += 4) {
        const [a, b, c, d] = updates.slice(next, next + 4) as [Weighted, Weighted, Weighted, Weighted];
        exports[`fold4${dtype}`](sum.at, count, a.at, a.weight, b.at, b.weight, c.at, c.weight, d.at, d.weight);
      }
      for (const { at, weight } of updates.slice(next)) exports[`fold1${dtype}`](sum.at, count, at, weight);
    },
    check: (dtype, { at }, count) => exports[`check${dtype}`](at, count),
    areFinite: (dtype, { at }, count) => exports[`finite${dtype}`](at, count) !== 0,
    divide: ({ at }, count, divisor) => exports.divide(at, count, divisor),
    narrow: ({ at }, count) => exports.toFloat32(at, count, at),
  };
}
